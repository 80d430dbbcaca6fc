//! voicemail

//! App: owns store, sip, media, speech, switch, jobs; start, drain, stop.

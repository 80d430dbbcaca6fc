//! What is heard: recordings, and who listens to a running call.

use hotline_core::call::supervise::{NotSupervised, Supervise, SupervisorAnswer};
use hotline_core::call::view::SupervisorView;
use hotline_core::ids::{CallId, LegId, PhoneId, RecordingId};

use super::super::hotline::switch::supervise::SuperviseError;
use super::Fake;

impl Fake {
    pub(super) fn write_wav(&self, recording: RecordingId, millis: i64) {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut file =
            hound::WavWriter::create(self.folder.join(format!("{recording}.wav")), spec).expect("a WAV can be begun");
        for sample in 0..millis * 8 {
            let phase = sample as f32 * 440.0 / 8_000.0 * std::f32::consts::TAU;
            file.write_sample((phase.sin() * 4_000.0) as i16).expect("a sample can be written");
        }
        file.finalize().expect("a WAV can be ended");
    }

    /// As the call does it: the phone rings, or has another role.
    pub(super) fn joins(&self, call: CallId, ask: Supervise) -> Result<SupervisorAnswer, SuperviseError> {
        if let Some(error) = self.supervision.lock().clone() {
            return Err(error);
        }
        let mut kept = self.kept.lock();
        let view = kept.live.iter_mut().find(|view| view.id == call).ok_or(SuperviseError::NoCall)?;
        if let Some(there) = view.supervisors.iter_mut().find(|there| there.phone == ask.phone) {
            there.role = ask.role;
            return Ok(if there.on { SupervisorAnswer::On } else { SupervisorAnswer::Rings });
        }
        if !view.talks {
            return Err(SuperviseError::Refused(NotSupervised::NobodyTalks));
        }
        view.supervisors.push(SupervisorView { leg: LegId(7), phone: ask.phone, role: ask.role, on: false });
        Ok(SupervisorAnswer::Rings)
    }

    pub(super) fn leaves(&self, call: CallId, phone: &PhoneId) -> Result<bool, SuperviseError> {
        let mut kept = self.kept.lock();
        let view = kept.live.iter_mut().find(|view| view.id == call).ok_or(SuperviseError::NoCall)?;
        let before = view.supervisors.len();
        view.supervisors.retain(|there| there.phone != *phone);
        Ok(view.supervisors.len() < before)
    }
}

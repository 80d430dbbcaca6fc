//! `codecs` of the server, of trunks and of phones.

use hotline_core::audio::Codec::{G722, Opus, Pcma, Pcmu};
use hotline_core::ids::{PhoneId, TrunkId};

use super::{right, wrong};

#[test]
fn codecs_are_those_of_the_telephone_with_carriers_and_the_best_with_phones() {
    let text = |server: &str, trunk: &str, phone: &str| {
        format!(
            "[server]\n{server}\n[[trunks]]\nid = \"line\"\nserver = \"192.0.2.9\"\naddresses = [\"192.0.2.9\"]\n{trunk}\n\
             [[phones]]\naccount = \"desk\"\npassword = \"long-enough\"\n{phone}\n"
        )
    };
    let read = |text: &str| {
        let directory = right(text).directory;
        let (line, desk) = (TrunkId::from("line"), PhoneId::from("desk"));
        [(Some(&line), None), (None, Some(&desk)), (None, None)]
            .map(|(trunk, phone)| directory.codecs(trunk, phone).to_vec())
    };
    let best = vec![Opus, G722, Pcmu, Pcma];
    assert_eq!(read(&text("", "", "")), [vec![Pcmu, Pcma], best.clone(), best]);
    let (server, own) = ("codecs = [\"g722\", \"pcma\"]", "codecs = [\"opus\", \"pcmu\"]");
    assert_eq!(read(&text(server, "", "")), [vec![Pcmu, Pcma], vec![G722, Pcma], vec![G722, Pcma]]);
    assert_eq!(read(&text(server, own, own)), [vec![Opus, Pcmu], vec![Opus, Pcmu], vec![G722, Pcma]]);

    let told = wrong(&text("codecs = []", "codecs = [\"pcma\", \"pcma\"]", "codecs = [\"g729\"]"));
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].contains("`codecs` of [server] is empty"), "{told:?}");
    assert!(told[1].contains("\"pcma\" is there twice"), "{told:?}");
    assert!(told[2].contains("`codecs`: `g729` is not known"), "{told:?}");
    let config = right(&text("codecs = [\"opus\"]", "", ""));
    assert!(config.warnings.iter().any(|warning| warning.contains("has no G.711")), "{:?}", config.warnings);
}

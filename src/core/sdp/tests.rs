use std::net::{IpAddr, SocketAddr};

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::audio::Codec;

use super::{Local, Negotiated, PayloadTypes, Rtcp, SdpError, accept, answer, offer};

fn local() -> Local {
    Local {
        address: "198.51.100.7".parse::<IpAddr>().unwrap(),
        port: 20_400,
        session: 4_711,
        version: 1,
        codecs: vec![Codec::Pcma, Codec::Pcmu],
        payload_types: PayloadTypes::default(),
    }
}

/// An offer with this below a session-level `c=`.
fn offered(below: &str) -> String {
    format!("v=0\r\no=desk 9 9 IN IP4 203.0.113.5\r\ns=call\r\nc=IN IP4 203.0.113.5\r\nt=0 0\r\n{below}")
}

fn answered(below: &str) -> (String, Negotiated) {
    answer(&offered(below), &local()).unwrap()
}

fn refused(text: &str) -> SdpError {
    answer(text, &local()).unwrap_err()
}

fn lines<'a>(text: &'a str, begin: &str) -> Vec<&'a str> {
    text.lines().filter(|line| line.starts_with(begin)).collect()
}

#[test]
fn our_offer_reads_back() {
    let text = offer(&local());
    assert_eq!(
        text,
        "v=0\r\no=hotline 4711 1 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n\
         m=audio 20400 RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n\
         a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
    );
    let mut other = local();
    other.address = "2001:db8::9".parse().unwrap();
    other.port = 30_000;
    let (text, theirs) = answer(&text, &other).unwrap();
    assert_eq!(theirs.codec, Codec::Pcma);
    assert_eq!(theirs.address, "198.51.100.7:20400".parse::<SocketAddr>().unwrap());
    assert_eq!(lines(&text, "c="), ["c=IN IP6 2001:db8::9"]);
    let ours = accept(&text, &local()).unwrap();
    assert_eq!(ours.address, "[2001:db8::9]:30000".parse::<SocketAddr>().unwrap());
    assert_eq!((ours.codec, ours.payload_type, ours.receive_payload_type), (Codec::Pcma, 8, 8));
    assert_eq!(ours.events, Some((101, 101)));
    assert!(ours.send && ours.receive);
}

#[test]
fn their_order_of_codecs_wins_and_static_types_need_no_rtpmap() {
    let (text, chosen) = answered("m=audio 4000 RTP/AVP 18 0 8 96\r\na=rtpmap:96 telephone-event/8000\r\n");
    assert_eq!((chosen.codec, chosen.payload_type), (Codec::Pcmu, 0));
    assert_eq!(chosen.events, Some((96, 96)));
    assert_eq!(lines(&text, "m="), ["m=audio 20400 RTP/AVP 0 96"]);
    assert_eq!(lines(&text, "a=rtpmap"), ["a=rtpmap:0 PCMU/8000", "a=rtpmap:96 telephone-event/8000"]);
}

#[test]
fn a_dynamic_type_and_lower_case_names_are_understood() {
    let (_, chosen) = answered("m=audio 4000 RTP/AVP 110\r\na=rtpmap:110 pcma/8000/1\r\n");
    assert_eq!((chosen.codec, chosen.payload_type, chosen.events), (Codec::Pcma, 110, None));
    assert_eq!(refused(&offered("m=audio 4000 RTP/AVP 110\r\na=rtpmap:110 PCMA/16000\r\n")), SdpError::NoCommonCodec);
    assert_eq!(refused(&offered("m=audio 4000 RTP/AVP 110\r\na=rtpmap:110 PCMA/8000/2\r\n")), SdpError::NoCommonCodec);
    // The map of a static type says something else: it is believed.
    assert_eq!(refused(&offered("m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 speex/8000\r\n")), SdpError::NoCommonCodec);
}

#[test]
fn every_m_line_is_answered_in_its_place() {
    let (text, chosen) = answered(
        "m=video 5000 RTP/AVP 97 98\r\nm=audio 5002 RTP/SAVP 0\r\nm=audio 5004 RTP/AVP 9\r\nm=audio 5006/2 RTP/AVPF 8\r\n\
         m=image 5008 udptl t38\r\nm=application 9 UDP/BFCP *\r\nm=audio 5010 RTP/AVP 0\r\nm=audio 0 RTP/AVP 8\r\n",
    );
    assert_eq!(chosen.address.port(), 5006);
    assert_eq!(
        lines(&text, "m="),
        [
            "m=video 0 RTP/AVP 97 98",
            "m=audio 0 RTP/SAVP 0",
            "m=audio 0 RTP/AVP 9",
            "m=audio 20400 RTP/AVPF 8",
            "m=image 0 udptl t38",
            "m=application 0 UDP/BFCP *",
            "m=audio 0 RTP/AVP 0",
            "m=audio 0 RTP/AVP 8",
        ]
    );
}

#[test]
fn digits_use_the_event_type_at_the_codecs_clock() {
    let (text, chosen) = answered(
        "m=audio 4000 RTP/AVP 8 100 101\r\na=rtpmap:100 telephone-event/48000\r\na=rtpmap:101 Telephone-Event/8000\r\n",
    );
    assert_eq!(chosen.events, Some((101, 101)));
    assert_eq!(lines(&text, "m="), ["m=audio 20400 RTP/AVP 8 101"]);
    let (text, chosen) = answered("m=audio 4000 RTP/AVP 8 100\r\na=rtpmap:100 telephone-event/48000\r\n");
    assert_eq!(chosen.events, None);
    assert!(!text.contains("telephone-event"));
}

#[test]
fn an_answer_may_name_its_own_event_type() {
    let text = offered(
        "m=audio 4000 RTP/AVP 97 0\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:97 telephone-event/8000\r\na=ptime:30\r\n",
    );
    let chosen = accept(&text, &local()).unwrap();
    assert_eq!((chosen.codec, chosen.payload_type, chosen.receive_payload_type), (Codec::Pcmu, 0, 0));
    assert_eq!((chosen.events, chosen.ptime_ms), (Some((97, 101)), 30));
    // A dynamic type in the answer is theirs to be sent; what they send to us is ours.
    let text = offered("m=audio 4000 RTP/AVP 99\r\na=rtpmap:99 PCMA/8000\r\n");
    let chosen = accept(&text, &local()).unwrap();
    assert_eq!((chosen.payload_type, chosen.receive_payload_type, chosen.events), (99, 8, None));
}

#[test]
fn a_refusing_answer_is_no_common_codec() {
    for below in ["m=audio 0 RTP/AVP 8\r\n", "m=audio 4000 RTP/SAVP 8\r\n", "m=audio 4000 RTP/AVP 9\r\n", ""] {
        assert_eq!(accept(&offered(below), &local()), Err(SdpError::NoCommonCodec), "{below}");
    }
}

#[test]
fn packet_length_is_what_they_ask_for_within_reason() {
    for (attributes, expected) in [
        ("", 20),
        ("a=ptime:30\r\n", 30),
        ("a=ptime:5\r\n", 10),
        ("a=ptime:200\r\n", 60),
        ("a=ptime:25\r\n", 20),
        ("a=ptime:60\r\na=maxptime:40\r\n", 40),
        ("a=maxptime:10\r\n", 10),
        ("a=maxptime:150\r\n", 20),
        ("a=ptime:20.5\r\n", 20),
        ("a=ptime:0\r\na=maxptime:0\r\n", 20),
        ("a=ptime:99999999999999999999\r\n", 20),
        ("a=ptime:-20\r\n", 20),
    ] {
        let (text, chosen) = answered(&format!("m=audio 4000 RTP/AVP 0\r\n{attributes}"));
        assert_eq!(chosen.ptime_ms, expected, "{attributes}");
        assert_eq!(lines(&text, "a=ptime"), [format!("a=ptime:{expected}")]);
    }
}

#[test]
fn hold_is_answered_with_its_complement() {
    for (session, media, expected, send, receive) in [
        ("", "", "sendrecv", true, true),
        ("a=sendonly\r\n", "", "recvonly", false, true),
        ("", "a=sendonly\r\n", "recvonly", false, true),
        ("", "a=recvonly\r\n", "sendonly", true, false),
        ("a=inactive\r\n", "", "inactive", false, false),
        ("a=inactive\r\n", "a=sendrecv\r\n", "sendrecv", true, true),
        ("", "c=IN IP4 0.0.0.0\r\n", "recvonly", false, true),
        ("", "c=IN IP4 0.0.0.0\r\na=inactive\r\n", "inactive", false, false),
        ("", "c=IN IP4 0.0.0.0\r\na=recvonly\r\n", "inactive", false, false),
    ] {
        let (text, chosen) = answered(&format!("{session}m=audio 4000 RTP/AVP 0\r\n{media}"));
        assert_eq!((chosen.send, chosen.receive), (send, receive), "{session}{media}");
        assert!(text.ends_with(&format!("a={expected}\r\n")), "{text}");
    }
}

#[test]
fn the_media_level_address_wins() {
    let (_, chosen) = answered("m=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::42\r\n");
    assert_eq!(chosen.address, "[2001:db8::42]:4000".parse::<SocketAddr>().unwrap());
}

#[test]
fn addresses_that_cannot_be_sent_to_are_told() {
    for (connection, what) in [
        ("IN IP4 phone.example.net", "names a host"),
        ("IN IP4 239.1.2.3/127", "multicast"),
        ("IN IP6 ff02::1", "multicast"),
        ("IN IP4 255.255.255.255", "broadcast"),
        ("IN IP6 192.0.2.1", "does not fit"),
        ("IN IP5 192.0.2.1", "does not fit"),
        ("TN RFC2543 4930", "not of the form"),
    ] {
        let SdpError::Malformed(told) = refused(&offered(&format!("m=audio 4000 RTP/AVP 0\r\nc={connection}\r\n")))
        else {
            panic!("{connection}");
        };
        assert!(told.contains(what), "{told}");
    }
    let bare = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n";
    assert_eq!(refused(bare), SdpError::Malformed("there is no c= line for its audio".to_owned()));
}

#[test]
fn a_usable_second_stream_is_taken_when_the_first_has_no_address() {
    let (text, chosen) = answered("m=audio 4000 RTP/AVP 0\r\nc=IN IP4 host.invalid\r\nm=audio 4002 RTP/AVP 8\r\n");
    assert_eq!(chosen.address.port(), 4002);
    assert_eq!(lines(&text, "m="), ["m=audio 0 RTP/AVP 0", "m=audio 20400 RTP/AVP 8"]);
}

#[test]
fn optimistic_encryption_is_answered_plainly() {
    let (text, _) =
        answered("m=audio 4000 RTP/AVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA\r\na=rtcp:4005\r\n");
    assert!(!text.contains("crypto") && !text.contains("rtcp"));
}

#[test]
fn rtcp_goes_where_they_say() {
    let at = |text: &str| Rtcp::At(text.parse::<SocketAddr>().unwrap());
    for (attributes, expected) in [
        ("", Rtcp::NextPort),
        ("a=rtcp:4005\r\n", at("203.0.113.5:4005")),
        ("a=rtcp:53020 IN IP4 192.0.2.77\r\n", at("192.0.2.77:53020")),
        ("a=rtcp:53020 IN IP6 2001:db8::7\r\n", at("[2001:db8::7]:53020")),
        ("a=rtcp:53020 IN IP4 239.1.1.1\r\n", Rtcp::NextPort),
        ("a=rtcp:0\r\n", Rtcp::NextPort),
        ("a=rtcp:\r\na=rtcp:x y\r\na=rtcp:70000\r\n", Rtcp::NextPort),
        ("a=rtcp-mux\r\na=rtcp:4005\r\n", Rtcp::Mux),
    ] {
        let below = format!("m=audio 4000 RTP/AVP 0\r\n{attributes}");
        let (text, chosen) = answered(&below);
        assert_eq!(chosen.rtcp, expected, "{attributes}");
        assert_eq!(text.contains("a=rtcp-mux\r\n"), expected == Rtcp::Mux, "{attributes}");
        // What answers our own offer can't agree to what we did not offer.
        assert_ne!(accept(&offered(&below), &local()).unwrap().rtcp, Rtcp::Mux);
    }
}

#[test]
fn bare_line_feeds_blank_lines_and_unknown_lines_do_no_harm() {
    let text = "v=0\no=- 1 1 IN IP4 192.0.2.9\ns=\nc=IN IP4 192.0.2.9\nb=AS:64\nt=2873397496 2873404696\nk=prompt\n\n\
                m=audio 4000 RTP/AVP 0 8\nz=0\na=direction:both\na=fmtp\na=rtpmap:\na=rtpmap:0\na=rtpmap: 8 PCMA/8000\n";
    let (text, chosen) = answer(text, &local()).unwrap();
    assert_eq!(chosen.codec, Codec::Pcmu);
    assert_eq!(lines(&text, "t="), ["t=2873397496 2873404696"]);
}

#[test]
fn what_is_not_sdp_is_told() {
    for text in [
        "",
        "hello",
        "v=1\r\n",
        "o=- 1 1 IN IP4 192.0.2.1\r\n",
        "v=0\r\nmm=audio 1 RTP/AVP 0\r\n",
        "v=0\r\nm=audio\r\n",
        "v=0\r\nm=audio 70000 RTP/AVP 0\r\n",
        "v=0\r\nm=audio -1 RTP/AVP 0\r\n",
    ] {
        assert!(matches!(refused(text), SdpError::Malformed(_)), "{text}");
    }
}

#[test]
fn everything_that_repeats_has_a_limit() {
    for text in [
        offered(&"m=audio 4000 RTP/AVP 0\r\n".repeat(33)),
        offered(&format!("m=audio 4000 RTP/AVP{}\r\n", " 0".repeat(129))),
        offered(&format!("m=audio 4000 RTP/AVP 0\r\n{}", "a=rtpmap:0 PCMU/8000\r\n".repeat(129))),
        offered(&"a=x\r\n".repeat(2_001)),
        offered(&format!("m={} 4000 RTP/AVP 0\r\n", "a".repeat(65))),
        offered(&format!("a={}\r\n", "a".repeat(70_000))),
    ] {
        assert!(matches!(refused(&text), SdpError::Malformed(_)));
    }
}

/// Every codec, in the order of a phone that likes it wide.
fn wide() -> Local {
    Local { codecs: vec![Codec::Opus, Codec::G722, Codec::Pcmu, Codec::Pcma], ..local() }
}

#[test]
fn an_offer_of_all_codecs_names_each_as_its_rfc_does() {
    let text = offer(&wide());
    assert_eq!(lines(&text, "m="), ["m=audio 20400 RTP/AVP 111 9 0 8 110 101"]);
    assert_eq!(
        lines(&text, "a=rtpmap"),
        [
            "a=rtpmap:111 opus/48000/2",
            "a=rtpmap:9 G722/8000",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:8 PCMA/8000",
            "a=rtpmap:110 telephone-event/48000",
            "a=rtpmap:101 telephone-event/8000",
        ]
    );
    assert!(lines(&text, "a=fmtp:111")[0].contains("useinbandfec=1"));
    assert_eq!(lines(&text, "a=maxptime"), ["a=maxptime:60"]);
    let narrow = offer(&Local { codecs: vec![Codec::G722, Codec::Pcmu], ..local() });
    assert_eq!(lines(&narrow, "m="), ["m=audio 20400 RTP/AVP 9 0 101"]);
    assert!(!narrow.contains("maxptime") && !narrow.contains("48000"));
}

#[test]
fn opus_is_known_by_its_name_and_g722_by_its_number() {
    let answer_to = |below: &str| answer(&offered(below), &wide()).unwrap();
    let (text, chosen) = answer_to(
        "m=audio 4000 RTP/AVP 96 9 0 97 98\r\na=rtpmap:96 OPUS/48000/2\r\na=fmtp:96 stereo=1; useinbandfec=1\r\n\
         a=rtpmap:97 telephone-event/8000\r\na=rtpmap:98 telephone-event/48000\r\na=ptime:40\r\n",
    );
    assert_eq!((chosen.codec, chosen.payload_type, chosen.receive_payload_type), (Codec::Opus, 96, 96));
    assert_eq!((chosen.events, chosen.events_hz, chosen.ptime_ms), (Some((98, 98)), 48_000, 40));
    assert_eq!(lines(&text, "m="), ["m=audio 20400 RTP/AVP 96 98"]);
    assert_eq!(lines(&text, "a=rtpmap"), ["a=rtpmap:96 opus/48000/2", "a=rtpmap:98 telephone-event/48000"]);

    let (text, chosen) = answer_to("m=audio 4000 RTP/AVP 9 96 101\r\na=rtpmap:101 telephone-event/8000\r\n");
    assert_eq!((chosen.codec, chosen.payload_type, chosen.events_hz), (Codec::G722, 9, 8_000));
    assert_eq!(lines(&text, "a=rtpmap"), ["a=rtpmap:9 G722/8000", "a=rtpmap:101 telephone-event/8000"]);

    // Not Opus: another clock. Opus all the same: whoever forgot the channels.
    let (_, chosen) = answer_to("m=audio 4000 RTP/AVP 96 0\r\na=rtpmap:96 opus/16000/2\r\n");
    assert_eq!(chosen.codec, Codec::Pcmu);
    let (_, chosen) = answer_to("m=audio 4000 RTP/AVP 96 0\r\na=rtpmap:96 opus/48000\r\n");
    assert_eq!((chosen.codec, chosen.events, chosen.events_hz), (Codec::Opus, None, 48_000));
    // We may not speak it.
    let opus_alone = offered("m=audio 4000 RTP/AVP 96\r\na=rtpmap:96 opus/48000/2\r\n");
    assert_eq!(refused(&opus_alone), SdpError::NoCommonCodec);
}

#[test]
fn beside_opus_events_at_8_khz_are_taken_where_there_are_no_others() {
    let below = "m=audio 4000 RTP/AVP 96 101\r\na=rtpmap:96 opus/48000/2\r\na=rtpmap:101 telephone-event/8000\r\n";
    let (text, chosen) = answer(&offered(below), &wide()).unwrap();
    assert_eq!((chosen.events, chosen.events_hz), (Some((101, 101)), 8_000));
    assert_eq!(lines(&text, "m="), ["m=audio 20400 RTP/AVP 96 101"]);
    // The same as the answer to an offer of ours: what they send has our number for that clock.
    let chosen = accept(&offered(&below.replace("101", "99")), &wide()).unwrap();
    assert_eq!((chosen.payload_type, chosen.receive_payload_type), (96, 111));
    assert_eq!((chosen.events, chosen.events_hz), (Some((99, 101)), 8_000));
    let both = below.replace("101\r\na", "101 98\r\na=rtpmap:98 telephone-event/48000\r\na");
    assert_eq!(accept(&offered(&both), &wide()).unwrap().events, Some((98, 110)));
}

/// RFC 3264 section 8.3.2.
#[test]
fn what_was_agreed_on_keeps_its_number_when_we_offer_again() {
    let again = |below: &str| {
        let mut local = wide();
        local.payload_types.keep(&answer(&offered(below), &wide()).unwrap().1);
        (lines(&offer(&local), "a=rtpmap").iter().map(|line| (*line).to_owned()).collect::<Vec<_>>(), local)
    };
    let opus = "m=audio 4000 RTP/AVP 97 96\r\na=rtpmap:97 opus/48000/2\r\na=rtpmap:96 telephone-event/48000\r\n";
    let (rows, local) = again(opus);
    assert_eq!(rows[0], "a=rtpmap:97 opus/48000/2");
    assert_eq!(rows[4..], ["a=rtpmap:96 telephone-event/48000", "a=rtpmap:101 telephone-event/8000"]);
    let chosen = accept(&offered(opus), &local).unwrap();
    assert_eq!((chosen.receive_payload_type, chosen.events), (97, Some((96, 96))));
    // Numbers that are ours otherwise: what had them gives way.
    let (rows, _) = again("m=audio 4000 RTP/AVP 0 111\r\na=rtpmap:111 telephone-event/8000\r\n");
    let dynamic: Vec<&String> = rows.iter().filter(|row| row.contains("opus") || row.contains("event")).collect();
    assert_eq!(
        dynamic,
        ["a=rtpmap:96 opus/48000/2", "a=rtpmap:110 telephone-event/48000", "a=rtpmap:111 telephone-event/8000"]
    );
}

fn any_line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("v=0".to_owned()),
        "[a-z]=[ -~]{0,40}",
        "m=(audio|video|x) [0-9/]{1,6} (RTP/AVP|RTP/AVPF|RTP/SAVP|udptl)( [0-9]{1,3}){0,5}",
        "c=IN IP[46] [0-9a-f.:/]{1,20}",
        "a=rtpmap:[0-9]{1,3} (PCMU|pcma|telephone-event|opus)/[0-9]{1,6}(/[0-9])?",
        "a=rtpmap:(0|8|9|96|97|98) (PCMU/8000|G722/8000|Opus/48000/2|telephone-event/(8000|48000))",
        "m=audio 4000 RTP/AVP( (0|8|9|96|97|98)){1,6}",
        "a=(sendrecv|sendonly|recvonly|inactive|ptime:[0-9.]{0,5}|maxptime:[0-9]{0,12})",
        "\\PC{0,30}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { rng_seed: RngSeed::Fixed(3_264), ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in "\\PC{0,200}") {
        let _ = answer(&text, &local());
        let _ = accept(&text, &local());
    }

    #[test]
    fn whatever_is_offered_the_answer_keeps_its_shape(
        below in prop::collection::vec(any_line(), 0..30),
        end in prop::sample::select(vec!["\n", "\r\n"]),
    ) {
        let text = format!("v=0{end}c=IN IP4 192.0.2.77{end}{}{end}", below.join(end));
        let _ = accept(&text, &local());
        if let Ok((reply, chosen)) = answer(&text, &local()) {
            let kinds = |text: &str| -> Vec<String> {
                text.lines().filter(|line| line.starts_with("m="))
                    .map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect()
            };
            prop_assert_eq!(kinds(&reply), kinds(&text));
            prop_assert!((10..=60).contains(&chosen.ptime_ms));
            // Our own answer is one we would accept ourselves.
            prop_assert!(accept(&reply, &local()).is_ok());
        }
    }

    #[test]
    fn an_answer_holds_nothing_that_was_not_offered(below in prop::collection::vec(any_line(), 0..30)) {
        let text = format!("v=0\r\nc=IN IP4 192.0.2.77\r\n{}\r\n", below.join("\r\n"));
        let Ok((reply, chosen)) = answer(&text, &wide()) else { return Ok(()) };
        let formats = |text: &str| -> Vec<Vec<String>> {
            lines(text, "m=").iter().map(|line| line.split_whitespace().skip(3).map(str::to_owned).collect()).collect()
        };
        for (ours, theirs) in formats(&reply).iter().zip(formats(&text)) {
            for format in ours {
                prop_assert!(theirs.contains(format) || (theirs.is_empty() && format == "0"), "{format} of {reply}");
            }
        }
        // What we say a number means is what they said; a number without a map means what RFC 3551 says.
        let meaning = |line: &str| line.split_once(' ').unwrap().1.trim().to_ascii_lowercase();
        for line in lines(&reply, "a=rtpmap:") {
            let number = line.split_once(' ').unwrap().0;
            let said = lines(&text, number).into_iter().filter(|line| line[number.len()..].starts_with([' ', '\t']));
            let said: Vec<String> = said.map(meaning).collect();
            let clock = meaning(line).split('/').take(2).collect::<Vec<_>>().join("/");
            let fixed = ["a=rtpmap:0", "a=rtpmap:8", "a=rtpmap:9"].contains(&number);
            prop_assert!(fixed || said.iter().any(|said| said.starts_with(&clock)), "{line}: {said:?}");
        }
        // Whoever offered it understands the answer as we do.
        let theirs = accept(&reply, &wide()).unwrap();
        prop_assert_eq!((theirs.codec, theirs.payload_type), (chosen.codec, chosen.payload_type));
        prop_assert_eq!(theirs.events_hz, chosen.events_hz);
    }
}

//! The phones of `make bench`: makes many calls to a SIP server at once, speaks and listens, and says
//! in one JSON object what the phones saw. One thread, real sockets: one media port for each phone.
//!
//! Measures the server and not itself: signalling is the least that works over UDP on loopback, sockets are not watched
//! but looked at when their phone's turn comes, and the time of a packet's arrival is the kernel's.
//! bench/run.py starts it and takes the server's CPU time meanwhile.

mod media;
mod sip;
mod speech;
mod stats;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser as _;

use crate::media::{Law, Phone, Speech};
use crate::sip::{Dialog, Message, State};
use crate::stats::Report;

/// A packet every 20 ms for each phone, phones spread over the milliseconds between.
const SLOTS: usize = 20;
/// What is measured begins this long after the last call was answered.
const SETTLE: Duration = Duration::from_millis(1_500);
/// Phones begin their speech this far from one another, frames.
const SPEECH_STRIDE: usize = 37;
/// The number that `dtmf` types, and how long the server has to understand it.
const DIGITS: &str = "1598*473620#";
const DIGITS_AFTER: Duration = Duration::from_secs(1);
const DIGITS_LIMIT: Duration = Duration::from_secs(12);

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Measure {
    /// Call, be answered, hang up
    Setup,
    /// Listen until the server hangs up
    Play,
    /// Speak for a time, hang up
    Talk,
    /// Type a number; the server hangs up when it has understood it
    Dtmf,
    /// Speak with a phone behind the server, hang up
    Bridge,
}

/// Makes calls and measures what the phones see.
#[derive(Debug, clap::Parser)]
struct Args {
    #[arg(value_enum)]
    measure: Measure,
    /// The server
    #[arg(long, default_value = "127.0.0.1:5060")]
    target: SocketAddr,
    /// The number to call
    #[arg(long)]
    number: String,
    /// Calls: in all for setup, at once for the rest
    #[arg(long, default_value_t = 100)]
    calls: usize,
    /// New calls a second
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
    /// Length of a talk or bridge call, seconds
    #[arg(long, default_value_t = 30.0)]
    hold: f64,
    /// Where the phones behind the server take calls (bridge)
    #[arg(long, default_value = "127.0.0.1:5170")]
    callee: SocketAddr,
    /// What the callers speak, and the phones behind the server
    #[arg(long, value_enum, default_value = "pcmu")]
    law: Law,
    #[arg(long, value_enum, default_value = "pcmu")]
    callee_law: Law,
    /// WAV files of speech that the phones say
    #[arg(long)]
    speech: Option<PathBuf>,
    /// Give up after so many seconds
    #[arg(long, default_value_t = 180.0)]
    limit: f64,
}

/// One call: its dialog and its phone.
struct Call {
    dialog: Dialog,
    phone: Phone,
    /// Due to hang up, where it is the caller who does.
    hang_up_at: Option<Instant>,
    /// Due to type the next digit.
    digit_at: Option<Instant>,
    digits_left: &'static str,
}

/// Which side of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Front,
    Behind,
}

struct Bench {
    args: Args,
    front_sip: UdpSocket,
    behind_sip: Option<UdpSocket>,
    said: [Option<Speech>; 2],
    calls: Vec<Call>,
    by_id: HashMap<String, usize>,
    /// Calls that were placed by us; those behind the server follow them in `calls`.
    placed: usize,
    began: Instant,
    report: Report,
    up_at: Option<Instant>,
    announced_up: bool,
    announced_down: bool,
}

fn now() -> Instant {
    hotline::clock::now().mono
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    anyhow::ensure!(args.target.ip().is_loopback(), "the bench makes calls on loopback only");
    let front_sip = UdpSocket::bind(SocketAddr::new(args.target.ip(), 0))?;
    front_sip.set_nonblocking(true)?;
    let mut behind_sip = None;
    if args.measure == Measure::Bridge {
        let socket = UdpSocket::bind(args.callee).with_context(|| format!("callee {}", args.callee))?;
        socket.set_nonblocking(true)?;
        behind_sip = Some(socket);
    }
    let speaks = matches!(args.measure, Measure::Talk | Measure::Bridge);
    let speech = |law| speaks.then(|| speech::load(args.speech.as_deref(), law)).transpose();
    let said = [speech(args.law)?, speech(args.callee_law)?];
    let mut bench = Bench {
        args,
        front_sip,
        behind_sip,
        said,
        calls: Vec::new(),
        by_id: HashMap::new(),
        placed: 0,
        began: now(),
        report: Report::default(),
        up_at: None,
        announced_up: false,
        announced_down: false,
    };
    bench.run()?;
    println!("{}", bench.report.json(bench.calls.iter().map(|call| &call.phone)));
    Ok(())
}

impl Bench {
    fn run(&mut self) -> anyhow::Result<()> {
        let mut slot_at = now();
        let mut slot = 0;
        let mut control = nix::cmsg_space!(nix::sys::time::TimeSpec);
        let limit = self.began + Duration::from_secs_f64(self.args.limit);
        while !self.is_over() && now() <= limit {
            std::thread::sleep(slot_at.saturating_duration_since(now()));
            while now() >= slot_at {
                self.run_slot(slot, slot_at, &mut control);
                slot = (slot + 1) % SLOTS;
                slot_at += Duration::from_millis(1);
                if slot == 0 {
                    self.every_20_ms()?;
                }
            }
            self.read_sip(Side::Front)?;
            self.read_sip(Side::Behind)?;
        }
        for call in &self.calls {
            self.report.count_end(call.dialog.is_ours(), call.dialog.state());
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.placed >= self.args.calls && self.calls.iter().all(|call| call.dialog.state().is_over())
    }

    fn run_slot(&mut self, slot: usize, due: Instant, control: &mut [u8]) {
        let wall = i64::try_from(hotline::clock::now().wall.as_nanosecond()).unwrap_or(0);
        for call in self.calls.iter_mut().skip(slot).step_by(SLOTS).filter(|call| call.dialog.state() == State::Up) {
            call.phone.speak(due, &mut self.report);
            call.phone.listen(control, wall, &mut self.report);
        }
    }

    /// New calls, digits, hang-ups, retransmissions.
    fn every_20_ms(&mut self) -> anyhow::Result<()> {
        let now = now();
        let due = ((now - self.began).as_secs_f64() * self.args.rate) as usize + 1;
        while self.placed < due.min(self.args.calls) {
            self.place(now)?;
        }
        for call in &mut self.calls {
            if call.digit_at.is_some_and(|at| now >= at) {
                call.type_digit(now);
            }
            if call.hang_up_at.is_some_and(|at| now >= at) && call.dialog.state() == State::Up {
                call.dialog.hang_up(now);
                call.hang_up_at = None;
            }
            let socket = if call.dialog.is_ours() { Some(&self.front_sip) } else { self.behind_sip.as_ref() };
            if let Some(socket) = socket {
                call.dialog.send_due(socket, now);
            }
        }
        self.announce(now);
        Ok(())
    }

    fn place(&mut self, now: Instant) -> anyhow::Result<()> {
        let phone = self.phone(Side::Front, self.args.target.ip())?;
        let local = self.front_sip.local_addr()?;
        let dialog = Dialog::call(&self.args.number, self.args.target, local, self.calls.len(), &phone.sdp(), now);
        self.by_id.insert(dialog.id().to_owned(), self.calls.len());
        self.calls.push(Call { dialog, phone, hang_up_at: None, digit_at: None, digits_left: "" });
        self.placed += 1;
        Ok(())
    }

    fn phone(&self, side: Side, host: IpAddr) -> anyhow::Result<Phone> {
        let (law, said) = match side {
            Side::Front => (self.args.law, &self.said[0]),
            Side::Behind => (self.args.callee_law, &self.said[1]),
        };
        // Not all say the same at the same time.
        let begin = |speech: &Speech| speech::position(speech, self.calls.len() * SPEECH_STRIDE);
        let speech = said.as_ref().map(|speech| (speech.clone(), begin(speech)));
        // A stamp in the signs of samples survives G.711 alone.
        let stamps =
            self.args.measure == Measure::Bridge && ![self.args.law, self.args.callee_law].contains(&Law::Opus);
        Phone::new(host, law, speech, stamps)
    }

    fn read_sip(&mut self, side: Side) -> anyhow::Result<()> {
        let mut buffer = vec![0_u8; 65_535];
        loop {
            let socket = match side {
                Side::Front => Some(&self.front_sip),
                Side::Behind => self.behind_sip.as_ref(),
            };
            let Some(Ok((length, from))) = socket.map(|socket| socket.recv_from(&mut buffer)) else { return Ok(()) };
            let Some(message) = Message::read(&buffer[..length]) else { continue };
            self.on_message(side, &message, from)?;
        }
    }

    fn on_message(&mut self, side: Side, message: &Message, from: SocketAddr) -> anyhow::Result<()> {
        let now = now();
        if !self.by_id.contains_key(message.call_id()) && message.is_invite() && side == Side::Behind {
            let mut phone = self.phone(Side::Behind, self.args.callee.ip())?;
            phone.connect(message.sdp_address());
            let mut dialog = Dialog::answer(message, from, self.args.callee, self.calls.len(), &phone.sdp(), now);
            if let Some(socket) = &self.behind_sip {
                dialog.send_due(socket, now);
            }
            self.by_id.insert(dialog.id().to_owned(), self.calls.len());
            self.calls.push(Call { dialog, phone, hang_up_at: None, digit_at: None, digits_left: "" });
            return Ok(());
        }
        let Some(call) = self.by_id.get(message.call_id()).and_then(|index| self.calls.get_mut(*index)) else {
            return Ok(());
        };
        let before = call.dialog.state();
        let socket =
            if call.dialog.is_ours() { &self.front_sip } else { self.behind_sip.as_ref().unwrap_or(&self.front_sip) };
        call.dialog.on_message(message, socket, from, now);
        if before == State::Calling && call.dialog.state() == State::Up {
            if call.dialog.is_ours() {
                call.phone.connect(message.sdp_address());
                self.report.set_up(call.dialog.set_up_time());
                match self.args.measure {
                    Measure::Setup => call.hang_up_at = Some(now),
                    Measure::Talk | Measure::Bridge => {
                        call.hang_up_at = Some(now + Duration::from_secs_f64(self.args.hold));
                    }
                    Measure::Dtmf => {
                        call.digits_left = DIGITS;
                        call.digit_at = Some(now + DIGITS_AFTER);
                        call.hang_up_at = Some(now + DIGITS_LIMIT);
                    }
                    Measure::Play => {}
                }
            }
            call.phone.turn_on(true);
        }
        if call.dialog.state().is_over() && !before.is_over() {
            call.phone.turn_on(false);
            // A typed number counts as understood when the server hangs up.
            if self.args.measure == Measure::Dtmf && call.dialog.state() == (State::Ended { by_us: false }) {
                self.report.understood += 1;
            }
        }
        Ok(())
    }

    /// Tells run.py when all calls are up, and when the first ends: between the two it takes the CPU time.
    fn announce(&mut self, now: Instant) {
        let ours = || self.calls.iter().filter(|call| call.dialog.is_ours());
        if self.up_at.is_none()
            && self.placed == self.args.calls
            && ours().all(|call| call.dialog.state() != State::Calling)
        {
            self.up_at = Some(now);
        }
        let ending = || ours().any(|call| call.dialog.state().is_over() || call.dialog.state() == State::Ending);
        if !self.announced_up && self.up_at.is_some_and(|at| now >= at + SETTLE) {
            self.announced_up = true;
            self.report.steady = !ending();
            println!("up {}", ours().filter(|call| call.dialog.state() == State::Up).count());
        }
        if self.announced_up && !self.announced_down && ending() {
            self.announced_down = true;
            self.report.steady = false;
            println!("down");
        }
    }
}

impl Call {
    fn type_digit(&mut self, now: Instant) {
        let Some(digit) = self.digits_left.chars().next() else {
            self.digit_at = None;
            return;
        };
        self.digits_left = &self.digits_left[digit.len_utf8()..];
        self.phone.press(digit);
        // 100 ms on, 80 ms off.
        self.digit_at = Some(now + Duration::from_millis(180));
    }
}

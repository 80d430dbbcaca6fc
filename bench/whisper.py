"""Transcription workers that work all the time, one for each core: what they must not do is make packets late."""

import json
import os
import struct
import subprocess
import tempfile
import threading
import wave

from server import ROOT

MODEL = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "hotline", "models", "ggml-base.bin")


class Work:
    """While it is entered, each core has a worker that hears the prompts' recordings again and again."""

    def __init__(self, hotline, model=MODEL):
        self.command = [hotline, "transcribe-worker", "--model", model, "--threads", "1"]
        if not os.path.exists(model):
            raise SystemExit(f"error: no speech model at {model}; hotline models fetch")

    def __enter__(self):
        self.wav = tempfile.NamedTemporaryFile(suffix=".wav")
        speech(self.wav)
        self.jobs, self.ended = 0, False
        self.workers = [
            subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            for _ in range(os.cpu_count())
        ]
        for worker in self.workers:
            threading.Thread(target=self.feed, args=[worker], daemon=True).start()
        return self

    def feed(self, worker):
        job = json.dumps({"wav": self.wav.name, "language": "en", "words": [], "cpu_seconds": 600}).encode()
        try:
            while not self.ended:
                worker.stdin.write(struct.pack("<I", len(job)) + job)
                worker.stdin.flush()
                head = worker.stdout.read(4)
                if len(head) < 4:
                    break
                worker.stdout.read(struct.unpack("<I", head)[0])
                self.jobs += 1
        except OSError:
            pass

    def __exit__(self, *_):
        self.ended = True
        for worker in self.workers:
            worker.kill()
            worker.wait()
        self.wav.close()
        print(f"whisper heard {self.jobs} recordings meanwhile")


def speech(out):
    """Twenty seconds of the English prompts, 16 kHz."""
    folder = os.path.join(ROOT, "audio", "en")
    frames, rate = b"", 16000
    for name in sorted(os.listdir(folder)):
        if name.endswith(".wav") and len(frames) < 20 * 2 * rate:
            with wave.open(os.path.join(folder, name)) as wav:
                rate = wav.getframerate()
                frames += wav.readframes(wav.getnframes())
    with wave.open(out.name, "wb") as wav:
        wav.setparams((1, 2, rate, 0, "NONE", "not compressed"))
        wav.writeframes(frames)

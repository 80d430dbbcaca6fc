# The four things to do with hotline. Each installs what it lacks first; a second
# run finds everything there and starts at once.

# rustup's programs, also in a shell that was open before Rust was installed.
export PATH := $(HOME)/.cargo/bin:$(PATH)

.PHONY: help run test lint bench

help:
	@echo 'make run     build it and serve the demo hotline (ARGS="--config hotline.toml": your own instead)'
	@echo 'make test    all tests, with real phones and the real speech model'
	@echo 'make lint    format, clippy, licences and sources of the dependencies'
	@echo 'make bench   CPU, packets and lateness under load (ARGS="play talk -n 100")'

run:
	@scripts/run.sh $(ARGS)

test:
	@scripts/test.sh $(ARGS)

lint:
	@scripts/lint.sh

bench:
	@scripts/bench.sh $(ARGS)

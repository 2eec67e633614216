"""The parts of perf/control: each measures one thing on the real socket of a real weftd."""

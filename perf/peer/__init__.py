"""Parts of perf/peers: Weft, Open vSwitch, testpmd and VPP side by side on one replay device."""

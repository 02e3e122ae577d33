"""Forecasters: persistence, climatology, schedule, propagation and the ST-ConvNet behind one interface (see base)."""

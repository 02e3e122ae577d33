"""Polls served over HTTP on this machine, in real or accelerated time, with the faults that real feeds have."""

"""Layers, losses and inputs of the network."""

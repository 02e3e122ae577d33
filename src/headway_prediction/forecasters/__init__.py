"""Forecasting methods behind one interface (`base.Forecaster`); `registry` lists those that are fitted without a network."""

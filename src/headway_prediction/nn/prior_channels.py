"""The channels of the first guess: what is handed from the forecasters to the network about the next trains.

Of each of the NEXT_TRAINS trains, one train after the other, TRAIN_CHANNELS: minutes until it arrives (from the end of
minute t0, FAR_MINS where none is expected), its headway then and whether it has one, whether it has left, minutes since it
was last seen (below zero: until it is to leave), stations until it arrives, minutes overdue now, minutes behind its trip,
whether its trip is known, how many minutes earlier and later it may arrive, and how likely it comes at all (see
`forecasters.arrival_corrections`). Then PLATFORM_CHANNELS: usual running minutes from the platform before and to the one
after, the usual headway of the half-hour, the share of trains that serve the platform. Then, for each of FORECASTS, the
headway that this simple method forecasts at each of GUESS_LEADS leads.
"""

import numpy as np

NEXT_TRAINS = 4
FAR_MINS = 60.0
TRAIN_CHANNELS = (
    "arrives_in",
    "headway",
    "has_headway",
    "under_way",
    "since_seen",
    "stations_away",
    "overdue",
    "late",
    "on_trip",
    "earlier_by",
    "later_by",
    "arrival_probability",
)
ARRIVES_IN = TRAIN_CHANNELS.index("arrives_in")
"""Where the guess has the minutes until the next train arrives."""
PLATFORM_CHANNELS = ("run_from", "run_to", "typical_headway", "served")
FORECASTS = ("trip_propagation", "propagation", "climatology")
PRIOR_LEADS = 15
TRAINS_WIDTH = NEXT_TRAINS * len(TRAIN_CHANNELS)
CHANNELS_WIDTH = TRAINS_WIDTH + len(PLATFORM_CHANNELS)
"""Where the forecasts begin."""
PRIOR_WIDTH = CHANNELS_WIDTH + len(FORECASTS) * PRIOR_LEADS


def prior_forecasts(prior: np.ndarray) -> np.ndarray:
    """Return what FORECASTS say, in minutes, of a guess (origins, stations, directions, GUESS_WIDTH): (origins, GUESS_LEADS,
    stations, directions, FORECASTS)."""
    by_method = prior[..., CHANNELS_WIDTH:].reshape(*prior.shape[:-1], len(FORECASTS), PRIOR_LEADS)
    return by_method.transpose(0, 4, 1, 2, 3)

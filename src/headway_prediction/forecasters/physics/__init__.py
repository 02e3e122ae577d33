"""The physics prior: which train passes each platform next, when, and with which headway, by rules of train movement.

The network and LightGBM correct this prior; `trip_propagation` forecasts with it alone. It knows the trips of the day: a
train under way runs on along its trip with its present delay, and a trip without an observed train is expected to depart.
At an origin t0 it uses only passings before the end of minute t0. All parameters are fitted on training days, without
gradients.

    passings -> match_trains -> trip_table (trains of a day: minutes by train and position) -> matched_trains (with trips)
                    |                |
         running_times               +--> planned_trips (plan + typical lateness)  \\
         (stopping pattern)          +--> typical_trips (trips of most past days)  /  prior: source of trips
                    |                |                                               |
                    v                v                                               v
         dead_reckoning --> expected_trains (trains at t0) <-- train_following, turnarounds
                    |                |
                    v                +--> arrival_residuals (learned correction of arrivals)
           propagation               +--> trip_propagation, prior_features (inputs of the network, LightGBM)

1. `match_trains` joins passings into trains where a log has no trip ids; `trip_table` holds them and matches them with
trips. 2. `running_times` gives typical minutes between platforms by hour, and the share of trains that serve each
platform. 3. `planned_trips` or `typical_trips` are the trips to expect; `fit_prior` selects the source that errs less. 4.
`expected_trains` combines these at an origin; `turnarounds` delays departures whose vehicle arrives late, and
   `train_following` enforces minimum headways, dwell growth and pace.
5. `prior.PhysicsPrior` holds everything fitted; `arrival_residuals` corrects its arrivals and gives their spread.
"""

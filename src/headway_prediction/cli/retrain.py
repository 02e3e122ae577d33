"""retrain: a bundle trained again on the service days in the store, and the rollback."""

from pathlib import Path
from typing import Annotated

import typer

from headway_prediction.cli.common import say
from headway_prediction.cli.serve import StoreOption


def retrain(
    bundle: Annotated[Path, typer.Option(help="Bundle that `headway serve` forecasts with.")],
    store: StoreOption = None,
    gtfs: Annotated[
        Path | None,
        typer.Option(help="GTFS zip with the current plan. Default: the plan of the bundle."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Largest number of epochs. Default: that of the bundle.")
    ] = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Do not train: restore the previous bundle.")
    ] = False,
    quiet: Annotated[bool, typer.Option(help="Print no progress while training.")] = False,
) -> None:
    """Train a bundle again on recorded days.

    Trains on every complete service day in the store. The new bundle replaces the old one only if it forecasts the newest
    days better; neither was trained on them. A running `headway serve` loads the new bundle by itself.

    \b
    Example:
      headway retrain --bundle line/bundle
      headway retrain --bundle line/bundle --rollback
    """
    from headway_prediction.cli.serve_setup import default_store
    from headway_prediction.feeds.gtfs.timetable import read_timetable
    from headway_prediction.nn.framework import check_framework
    from headway_prediction.service.live.retrain import restore_previous, retrain
    from headway_prediction.service.live.served_bundle import load_bundle
    from headway_prediction.service.store import Store

    if rollback:
        restore_previous(bundle)
        say(f"restored the previous bundle at {bundle}")
        return
    check_framework()
    plan = None if gtfs is None else read_timetable(gtfs, load_bundle(bundle).bundle.line)
    changes = {} if epochs is None else {"epochs": epochs}
    found = retrain(Store.open(store or default_store(bundle)), bundle, plan, changes, quiet)
    days = f"{found.test_dates[0]} to {found.test_dates[-1]}"
    say(
        f"MAE on {days}: {found.previous_mae:.3f} min with the previous bundle, {found.new_mae:.3f} with the new one"
    )
    say("the new bundle replaces the previous one" if found.replaced else "the previous bundle stays")

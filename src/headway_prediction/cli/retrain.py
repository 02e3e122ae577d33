"""retrain: learning again from what was served, and going back."""

from pathlib import Path
from typing import Annotated

import typer

from headway_prediction.cli.common import say
from headway_prediction.cli.framework import load_framework
from headway_prediction.cli.serve import StoreOption


def retrain(
    bundle: Annotated[Path, typer.Option(help="Bundle that `headway serve` forecasts with.")],
    store: StoreOption = None,
    gtfs: Annotated[
        Path | None,
        typer.Option(help="GTFS zip with the plan as it is now. Default: the plan of the bundle."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Most epochs to train. Default: the bundle's.")
    ] = None,
    back: Annotated[
        bool, typer.Option("--back", help="Train nothing: put the former bundle in its place again.")
    ] = False,
    quiet: Annotated[bool, typer.Option(help="Print nothing while training.")] = False,
) -> None:
    """Train a bundle again from what was served.

    Learns from every whole day in the store and takes the bundle's place only if it forecasts the newest days better, which
    neither was trained on. A running `headway serve` takes it over by itself.

    \b
    Example:
      headway retrain --bundle line/bundle
      headway retrain --bundle line/bundle --back
    """
    from headway_prediction.cli.serve_setup import default_store
    from headway_prediction.feeds.gtfs.timetable import read_timetable
    from headway_prediction.service.live.bundle_watcher import load_bundle
    from headway_prediction.service.live.retrain import restore_previous, retrain
    from headway_prediction.service.store import Store

    if back:
        restore_previous(bundle)
        say(f"the former bundle is at {bundle} again")
        return
    load_framework()
    plan = None if gtfs is None else read_timetable(gtfs, load_bundle(bundle).bundle.line)
    changes = {} if epochs is None else {"epochs": epochs}
    found = retrain(Store.open(store or default_store(bundle)), bundle, plan, changes, quiet)
    days = f"{found.test_dates[0]} to {found.test_dates[-1]}"
    say(
        f"MAE on {days}: {found.previous_mae:.3f} min with the former bundle, {found.new_mae:.3f} with the new one"
    )
    say("the new one has taken over" if found.replaced else "the former one stays")

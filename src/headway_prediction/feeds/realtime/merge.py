"""Two entities of one trip in one poll, as one sighting."""

from headway_prediction.feeds.realtime.snapshot import Sighting


def merge_sightings(first: Sighting, second: Sighting) -> Sighting:
    """Join an update with a vehicle; of two updates, or two vehicles, the first counts."""
    return Sighting(
        first.route_id or second.route_id,
        second.direction_id if first.direction_id is None else first.direction_id,
        first.train_id or second.train_id,
        first.assigned and second.assigned,
        first.cancelled or second.cancelled,
        second.listed if first.listed is None else first.listed,
        first.skipped | second.skipped,
        first.vehicle or second.vehicle,
    )

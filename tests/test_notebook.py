"""The driver notebook runs from top to bottom on a small simulated line and shows its three pictures."""

import os
from pathlib import Path

import keras
import pytest

from headway_prediction.forecasters.onnx_network import OnnxNetwork
from headway_prediction.grid.build import read_line_files
from headway_prediction.grid.store import write_history
from headway_prediction.model import ProbabilisticSTConvNet
from headway_prediction.simulate import Scenario, write_simulation

NOTEBOOK = Path(__file__).parent.parent / "notebooks" / "train_production.ipynb"


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    if keras.backend.backend() != "tensorflow":
        pytest.skip("the notebook feeds the network with tf.data")
    folder = tmp_path_factory.mktemp("line")
    arrivals, gtfs = write_simulation(folder, Scenario.of_size(5), days=4, seed=1)
    write_history(read_line_files(arrivals, gtfs), folder / "grid.zarr")
    settings = {
        "HEADWAY_DATA_DIR": str(folder),
        "HEADWAY_EPOCHS": "2",
        "HEADWAY_VALIDATION_DAYS": "1",
        "HEADWAY_TEST_DAYS": "1",
        "HEADWAY_ENCODER_FILTERS": "4,4",
        "HEADWAY_ENCODER_STEP_MINS": "10",
        "HEADWAY_EPOCH_WINDOWS": "256",
    }
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}})
    client.execute(env=os.environ | settings)
    return folder, notebook


def test_it_runs_and_saves_the_network_that_ships(executed):
    folder, _ = executed
    network = keras.saving.load_model(folder / "network.keras", compile=False)
    assert isinstance(network, ProbabilisticSTConvNet)
    assert network.network.input_shape_h[1:3] == (5, 2)
    assert OnnxNetwork.load(folder / "network.onnx")


def test_it_shows_the_heatmap_the_loss_curve_and_a_forecast(executed):
    _, notebook = executed
    titles = [
        output["data"]["application/vnd.plotly.v1+json"]["layout"]["title"]["text"]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "application/vnd.plotly.v1+json" in output.get("data", {})
    ]
    assert titles == ["Headway, direction 0", "Loss", "Forecast"]


def test_it_is_committed_without_outputs():
    nbformat = pytest.importorskip("nbformat")
    assert not any(cell.get("outputs") for cell in nbformat.read(NOTEBOOK, as_version=4).cells)

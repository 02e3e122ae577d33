import dataclasses
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from headway_prediction import AppConfig
from headway_prediction.config import LINE_DEFAULTS
from headway_prediction.errors import HeadwayError

STARTING_DOCUMENT = {
    "data_dir": "../data",
    "headway_file": "headway_matrix_full.npy",
    "schedule_file": "schedule_matrix_full.npy",
    "lookback_mins": 30,
    "forecast_mins": 15,
    "batch_size": 128,
    "scaler": 30.0,
    "epochs": 30,
    "learning_rate": 1e-3,
}


@pytest.fixture
def write(tmp_path):
    def write_toml(text: str) -> Path:
        path = tmp_path / "line" / "config.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write_toml


def test_the_defaults_of_the_starting_document():
    config = AppConfig()
    assert dataclasses.is_dataclass(config)
    assert {name: getattr(config, name) for name in STARTING_DOCUMENT} == STARTING_DOCUMENT
    assert config.headway_path == Path("../data/headway_matrix_full.npy")
    assert config.schedule_path == Path("../data/schedule_matrix_full.npy")
    assert config.service_day_path is None
    assert config.window_mins == 45


def test_toml_then_environment_then_overrides(write):
    path = write("lookback_mins = 20\nepochs = 3\nseed = 7\n")
    environment = {
        "HEADWAY_EPOCHS": "4",
        "HEADWAY_SEED": "8",
        "HEADWAY_REAL_DATA": "elsewhere",
        "EPOCHS": "99",
    }
    config = AppConfig.load(path, environment, seed=9, batch_size=None)
    assert (config.lookback_mins, config.epochs, config.seed, config.batch_size) == (20, 4, 9, 128)


def test_the_process_environment_counts(monkeypatch):
    monkeypatch.setenv("HEADWAY_LEARNING_RATE", "0.01")
    monkeypatch.setenv("HEADWAY_ZERO_IS_MISSING", "true")
    monkeypatch.setenv("HEADWAY_ENCODER_FILTERS", "8,16")
    monkeypatch.setenv("HEADWAY_QUANTILES", "0.05,0.5, 0.95")
    config = AppConfig.load()
    assert (config.learning_rate, config.zero_is_missing, config.encoder_filters) == (0.01, True, (8, 16))
    assert config.quantiles == (0.05, 0.5, 0.95)


def test_paths_count_from_the_folder_of_the_file(write, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    write('data_dir = "matrices"\nservice_day_file = "days.npy"\n')
    config = AppConfig.load("line/config.toml", {})
    assert config.headway_path == tmp_path / "line" / "matrices" / "headway_matrix_full.npy"
    assert config.service_day_path == tmp_path / "line" / "matrices" / "days.npy"
    assert AppConfig.load(write('data_dir = "/srv/data"\n'), {}).headway_path.parent == Path("/srv/data")
    assert AppConfig.load("line/config.toml", {"HEADWAY_DATA_DIR": "here"}).data_dir == "here"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lookback_mins = 0", "the setting lookback_mins is 0; expected .*greater than 0"),
        ("scaler = nan", "the setting scaler is nan; expected"),
        ("scaler = inf", "the setting scaler is inf; expected .*finite"),
        (
            "max_invalid_share = 1.5",
            "the setting max_invalid_share is 1.5; expected .*less than or equal to 1",
        ),
        ("epochs = 2.5", "the setting epochs is 2.5; expected .*integer"),
        ("batch_size = 'many'", "the setting batch_size is 'many'"),
        ("encoder_filters = [32, -1]", r"the setting encoder_filters\.1 is -1"),
        (
            "lookback_mins = 20\nencoder_step_mins = 3",
            "the setting encoder_step_mins is 3; expected .*: lookback_mins, 20, must be a multiple of it",
        ),
        (
            "quantiles = [0.1, 0.9, 0.5]",
            "the setting quantiles is .*: each quantile must be greater than the one",
        ),
        ("quantiles = [0.5, 0.5]", "the setting quantiles is .*: each quantile must be greater than the one"),
        ("quantiles = []", "the setting quantiles is .*at least 1 item"),
        ("quantiles = [0.1, 1.0]", r"the setting quantiles\.1 is 1.0; expected .*less than 1"),
        ("lookbak_mins = 30", "there is no setting lookbak_mins; expected one of data_dir, .*lookback_mins"),
        (
            "validation_days = 3\nensemble_members = 4",
            "the setting ensemble_members is 4; expected .*: 1 where validation_days is set, because each of several",
        ),
        ("forecast_mins = 61", "the setting forecast_mins is 61; expected .*less than or equal to 60"),
        ("huber_delta_mins = 2.0", "there is no setting huber_delta_mins"),
        ("[windows]\nlookback_mins = 30", "there is no setting windows"),
        ("lookback_mins = \nepochs = 3", r"the configuration .*config\.toml could not be read .*line 1"),
    ],
)
def test_a_bad_setting_is_named(write, text, message):
    with pytest.raises(HeadwayError, match=message):
        AppConfig.load(write(text), {})


def test_a_bad_variable_is_named():
    with pytest.raises(
        HeadwayError, match=r"the setting epochs is 'few'; expected .*integer.*HEADWAY_ variable"
    ):
        AppConfig.load(environment={"HEADWAY_EPOCHS": "few"})


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "latin.toml").write_bytes(b"data_dir = '\xe9'")
    for path in (tmp_path / "absent.toml", tmp_path, tmp_path / "latin.toml"):
        with pytest.raises(HeadwayError, match=r"the configuration .* could not be read"):
            AppConfig.load(path, {})


def test_direct_construction_validates_too():
    with pytest.raises(ValidationError):
        AppConfig(lookback_mins=10, encoder_step_mins=4)
    with pytest.raises(ValidationError):
        AppConfig(batch_size=0)
    with pytest.raises(ValidationError):
        AppConfig(batchsize=1)


def test_settings_survive_json():
    config = AppConfig(encoder_filters=(4, 8), seed=3, service_day_file="days.npy")
    plain = config.to_dict()
    assert plain["encoder_filters"] == [4, 8]
    assert AppConfig.from_dict(plain) == config


def test_every_field_can_stand_in_a_toml_file(write):
    lines = [
        f"{name} = {str(value).lower() if isinstance(value, bool) else value!r}"
        for name, value in AppConfig().to_dict().items()
        if value is not None
    ]
    path = write("\n".join(lines))
    assert set(tomllib.loads(path.read_text())) <= {field.name for field in dataclasses.fields(AppConfig)}
    assert dataclasses.replace(AppConfig.load(path, {}), data_dir="../data") == AppConfig()


def test_a_base_file_comes_before_the_users_own(tmp_path):
    base, own = tmp_path / "base.toml", tmp_path / "own.toml"
    base.write_text("batch_size = 32\nepochs = 12\n")
    own.write_text("epochs = 3\n")
    config = AppConfig.load(own, {}, base=base)
    assert (config.batch_size, config.epochs, config.lookback_mins) == (32, 3, 30)


def test_the_packaged_settings_are_valid_and_leave_the_defaults_of_the_fields():
    config = AppConfig.load(environment={}, base=LINE_DEFAULTS)
    assert config.epoch_windows is not None
    assert (AppConfig().batch_size, AppConfig().epochs, AppConfig().learning_rate) == (128, 30, 1e-3)


def test_validation_days_mean_something_or_are_refused():
    assert AppConfig().days_to_validate == 2
    assert (
        AppConfig.load(
            environment={}, base=LINE_DEFAULTS, validation_days=3, ensemble_members=1
        ).days_to_validate
        == 3
    )
    with pytest.raises(HeadwayError, match="each of several members validates on its own share of the days"):
        AppConfig.load(environment={}, base=LINE_DEFAULTS, validation_days=3)
    with pytest.raises(HeadwayError, match="ensemble_members is 4"):
        AppConfig.load(environment={"HEADWAY_VALIDATION_DAYS": "3"}, base=LINE_DEFAULTS)

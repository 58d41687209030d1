"""Scenarios by name: streams as they come in a few trades, each a description of its own."""

from __future__ import annotations

from penstock.generating.scenario import Anomalies, Arrivals, Keys, Scenario, Value, Words

PRESETS: dict[str, Scenario] = {
    "plain": Scenario(about="One number for each of ten keys, a thousand times a second."),
    "trades": Scenario(
        about="Trades of 200 symbols, a few of which make most: prices that walk, quantities, bursts.",
        arrivals=Arrivals(
            rate=5000.0,
            patterns=("poisson", "bursts"),
            burst_every="5m",
            burst_length="10s",
            burst_factor=8.0,
        ),
        keys=Keys(name="symbol", prefix="", letters=True, count=200, chances="zipf"),
        values=(
            Value(
                name="price",
                distribution="random_walk",
                mean=100.0,
                deviation=0.02,
                spread=0.8,
                decimals=2,
                lowest=0.01,
            ),
            Value(
                name="quantity", distribution="lognormal", mean=200.0, deviation=400.0, whole=True, lowest=1
            ),
        ),
        words=(Words(name="side", words=("buy", "sell"), weights=(0.5, 0.5)),),
        anomalies=Anomalies(share=0.001, size=50.0, kinds=("spike", "level_shift"), length="30s"),
    ),
    "traffic": Scenario(
        about="Counting stations on 500 roads: speed and occupancy by the time of the day, and broken ones.",
        arrivals=Arrivals(rate=500.0, patterns=("diurnal",), swing=0.5),
        keys=Keys(name="station", prefix="road-", count=500, chances="turns"),
        values=(
            Value(
                name="speed",
                distribution="seasonal",
                mean=90.0,
                deviation=8.0,
                season=-1.5,
                spread=0.15,
                decimals=1,
                lowest=1.0,
            ),
            Value(name="vehicles", distribution="lognormal", mean=12.0, deviation=6.0, whole=True),
            Value(
                name="occupancy",
                distribution="seasonal",
                mean=20.0,
                deviation=5.0,
                season=2.0,
                decimals=1,
                lowest=0.0,
                highest=100.0,
            ),
        ),
        anomalies=Anomalies(share=0.002, size=6.0, kinds=("level_shift", "dropout"), length="10m"),
        disorder="2s",
        disorder_share=0.05,
    ),
    "vitals": Scenario(
        about="Monitors at 200 beds, a reading of each a second: pulse, oxygen, temperature; lost contacts.",
        arrivals=Arrivals(rate=200.0),
        keys=Keys(name="patient", prefix="bed-", count=200, chances="turns"),
        values=(
            Value(name="pulse", mean=75.0, deviation=3.0, spread=0.12, whole=True, lowest=30),
            Value(name="oxygen", mean=97.0, deviation=0.8, decimals=1, lowest=85.0, highest=100.0),
            Value(name="temperature", mean=37.0, deviation=0.1, spread=0.008, decimals=1),
        ),
        anomalies=Anomalies(share=0.002, size=8.0, kinds=("spike", "drift", "dropout"), length="2m"),
    ),
    "clicks": Scenario(
        about="Clicks in a web shop: 20,000 visitors, pages by their popularity, busy days and quiet nights.",
        arrivals=Arrivals(rate=2000.0, patterns=("poisson", "diurnal")),
        keys=Keys(name="visitor", prefix="visitor-", count=20_000, chances="zipf", exponent=0.8),
        values=(
            Value(name="milliseconds", distribution="lognormal", mean=120.0, deviation=90.0, whole=True),
            Value(name="amount", distribution="lognormal", mean=45.0, deviation=40.0, decimals=2),
        ),
        words=(
            Words(
                name="page",
                words=("/", "/search", "/product", "/cart", "/checkout", "/account"),
                weights=(0.24, 0.2, 0.38, 0.1, 0.03, 0.05),
            ),
            Words(name="device", words=("phone", "desktop", "tablet"), weights=(0.62, 0.33, 0.05)),
        ),
        anomalies=Anomalies(share=0.001, size=15.0, kinds=("spike",)),
        disorder="1s",
        disorder_share=0.1,
    ),
    "sensors": Scenario(
        about="A fleet of 1,000 sensors, each once a second, temperatures of the day, rows that come late.",
        arrivals=Arrivals(rate=1000.0),
        keys=Keys(name="sensor", prefix="sensor-", count=1000, chances="turns"),
        values=(
            Value(
                name="temperature", distribution="seasonal", mean=18.0, deviation=0.5, season=8.0, decimals=2
            ),
            Value(
                name="humidity", mean=55.0, deviation=2.0, spread=0.1, decimals=1, lowest=0.0, highest=100.0
            ),
            Value(name="battery", mean=3.7, deviation=0.01, spread=0.03, decimals=3),
        ),
        anomalies=Anomalies(
            share=0.002, size=10.0, kinds=("spike", "level_shift", "drift", "dropout"), length="1m"
        ),
        disorder="3s",
        disorder_share=0.05,
    ),
}

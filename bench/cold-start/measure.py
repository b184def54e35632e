"""Measures the time from the start of a process to its first answer, on a stand-in for Lambda's runtime API: `predict`,
which loads the champion from S3, an empty Rust function, and two Python functions."""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
from stand_in import Cloud, Function  # noqa: E402

HERE = Path(__file__).parent
EVENTS = HERE.parent.parent / "events"
# Limits in milliseconds: the first price, and its difference from an empty function.
FIRST_PRICE_MS, BEYOND_EMPTY_MS = 50.0, 30.0


def main() -> None:
    binaries, runs = Path(sys.argv[1]).resolve(), int(sys.argv[2])
    event = (EVENTS / "predict.json").read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, HERE.parent / "http" / "train.py", EVENTS / "listings.csv", f"{folder}/model"], check=True, capture_output=True, cwd=folder)
        settings = {"TASADOR_COMPARE_MIN_ROWS": "10", "TASADOR_CANDIDATES": "boosting"}
        with Cloud(binaries, f"{folder}/data", "--source", str(EVENTS / "listings.csv"), **settings) as cloud:
            cloud.wait_for("/model")
            sides = {
                "tasador predict, champion from S3": ([str(binaries / "predict")], runs),
                "an empty Rust function": ([str(binaries / "bench-empty")], runs),
                "Python, joblib and scikit-learn": ([sys.executable, str(HERE / "peer.py"), "joblib", f"{folder}/model"], max(3, runs // 10)),
                "Python, mlflow.pyfunc": ([sys.executable, str(HERE / "peer.py"), "pyfunc", f"{folder}/model"], max(3, runs // 10)),
            }
            medians = {}
            print(f"from process start to first answer, load average {os.getloadavg()[0]:.1f} before")
            times = {name: [] for name in sides}
            # Alternately, so that other load on the machine affects all of them equally.
            for turn in range(runs):
                for name, (command, most) in sides.items():
                    if turn < most:
                        function = Function(command, cloud.environment, "predict")
                        answer, _, seconds = function.call(event, 60)
                        function.stop()
                        if answer.get("statusCode") != 200:
                            sys.exit(f"{name}: {answer}")
                        times[name].append(seconds * 1000)
            for name, measured in times.items():
                medians[name] = statistics.median(measured)
                print(f"{name:36} median {medians[name]:8.1f} ms   slowest {max(measured):8.1f} ms   of {len(measured)}")
            predict, empty = (medians[name] for name in list(sides)[:2])
            print(f"beyond the empty function: {predict - empty:.1f} ms (at most {BEYOND_EMPTY_MS:.0f}); first price: {predict:.1f} ms (below {FIRST_PRICE_MS:.0f})")
            if predict >= FIRST_PRICE_MS or predict - empty > BEYOND_EMPTY_MS:
                sys.exit("missed")


if __name__ == "__main__":
    main()

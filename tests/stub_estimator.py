"""Speaks as a pose estimator's process does, as slowly as is asked for, and needs no packages.

It takes the place of an environment's Python: what it is started with is of no interest. What it
finds is the same for every video. In ``SETTINGS`` beside it: ``frames``, ``seconds`` for each of
them, ``people``, ``fps`` and ``die_at``, a frame at which it goes without a word.
"""

import hashlib
import json
import math
import os
import struct
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).parent
SETTINGS = {"frames": 60, "seconds": 0.0, "people": 1, "fps": 30.0, "die_at": -1}
NAMES = ("left", "right")
# Pixels from the hip's middle: x to the picture's right and y down, of who faces the viewer.
BODY = {
    "shoulder": (28, -100),
    "elbow": (40, -50),
    "wrist": (45, 0),
    "hip": (18, 0),
    "knee": (20, 80),
    "ankle": (20, 160),
    "foot_index": (35, 175),
    "index": (46, 18),
    "pinky": (44, 18),
}


def read():
    head = sys.stdin.buffer.read(8)
    if len(head) < 8:
        os._exit(0)
    return json.loads(sys.stdin.buffer.read(struct.unpack("<I", head[4:])[0]))


def write(header, arrays=()):
    described = [{"name": n, "dtype": "uint8", "shape": shape} for n, shape, _ in arrays]
    text = json.dumps({**header, "arrays": described}).encode()
    sys.stdout.buffer.write(b"JMP1" + struct.pack("<I", len(text)) + text)
    for _, _, content in arrays:
        sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def listen():
    while True:
        request = read()
        if request["type"] == "cancel":
            os._exit(0)


def body(frame, person, names):
    """Places and confidences of one person's joints: walking to the right."""
    across = 100 + 1.5 * frame + 130 * person
    swing = 20 * math.sin(frame / 5)
    places, sure = [], []
    for name in names:
        side, _, part = name.partition("_")
        dx, dy = BODY.get(part, (5, -130))
        sign = 1 if side == "left" else -1
        arm = part in ("elbow", "wrist", "index", "pinky")
        places.append([across + sign * dx + (sign * swing if arm else 0), 240 + dy])
        hidden = name == "left_wrist" and 20 <= frame < 35
        sure.append(0.2 if hidden else 0.95)
    return places, sure


def main():
    own = json.loads((HERE / "SETTINGS").read_text()) if (HERE / "SETTINGS").exists() else {}
    own = {**SETTINGS, **own}
    (HERE / "PID").write_text(str(os.getpid()))
    write({"type": "hello", "version": own["version"]})
    request = read()
    threading.Thread(target=listen, daemon=True).start()
    asked, number = request["arguments"], request["id"]
    (HERE / "ASKED").write_text(json.dumps(asked))
    count, step = own["frames"], asked["step"]
    names = asked["joint_names"]
    rows, places, sure = [], [], []
    first = math.ceil(asked["start"] * own["fps"])
    last = count if asked["stop"] is None else min(count, math.ceil(asked["stop"] * own["fps"]))
    numbers = list(range(first, last, step))
    for done, frame in enumerate(numbers):
        if frame == own["die_at"]:
            sys.stderr.write("out of luck\n")
            sys.stderr.flush()
            os._exit(9)
        for person in range(own["people"]):
            where, how = body(frame, person, names)
            rows.append(frame // step)
            places.append(where)
            sure.append(how)
        share, status = done / len(numbers), f"Frame {done + 1} of {len(numbers)}"
        write({"type": "progress", "id": number, "share": share, "status": status})
        if done % 5 == 0:
            shade = bytes((40, 90, (4 * frame) % 256)) * (320 * 180)
            write({"type": "preview", "id": number}, [("picture", [180, 320, 3], shade)])
        time.sleep(own["seconds"])
    times = [frame / own["fps"] for frame in numbers]
    poses = {
        "format": "jumps",
        "version": 1,
        "source": asked["source"],
        "fps": own["fps"] / step,
        "image_size": [640, 480],
        "missing": asked["missing"],
        "joint_names": names,
        "first_frame": numbers[0] // step,
        "times": times,
        "frames": rows,
        "positions": places,
        "confidence": sure,
    }
    content = json.dumps(poses).encode()
    Path(asked["poses"]).write_bytes(content)
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    facts = {"frames": len(numbers), "with_people": len(numbers), "digest": digest}
    facts |= {"poses": asked["poses"], "damaged": False}
    write({"type": "done", "id": number, "facts": facts})
    while True:
        time.sleep(1)


main()

"""``--list-models`` and ``--list-devices``: one entry a line, its name first."""

from __future__ import annotations

from rtvideo.console import printable


def list_models() -> None:
    """Print the shipped models."""
    from rtvideo.models import find, names

    for name in names():
        model = find(name)
        noise = "with noise removal" if model.has_denoise else "without noise removal"
        print(f"{name}  " + ", ".join(filter(None, (str(model.card.get("summary", "")), noise))))


def list_devices() -> None:
    """Print the processor, the CUDA devices, and the cameras."""
    from rtvideo.cli.doctor import processor
    from rtvideo.cpus import usable_cpus
    from rtvideo.kernels.cuda import driver
    from rtvideo.media.camera import devices

    count = usable_cpus()
    print(f"cpu  {processor()}, {count} thread{'' if count == 1 else 's'}")
    for name, what in driver.listed():
        print(f"{name}  {what}")
    for device in devices():
        kinds = [kind for kind, has in (("camera", device.captures), ("virtual camera", device.plays)) if has]
        print(f"{device.path}  {printable(device.name)}, {' and '.join(kinds)}")

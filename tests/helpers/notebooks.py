"""What executed notebooks hold."""


def code(cells):
    return [cell for cell in cells if cell["cell_type"] == "code"]


def is_figure(output):
    """Whether an output of a cell is a figure: charts are PNG, figures of images JPEG."""
    return not output.get("data", {}).keys().isdisjoint(["image/png", "image/jpeg"])

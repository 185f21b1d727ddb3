"""examples/notebook.ipynb runs from its first cell to its last, offline."""
import os
import pathlib
import unittest

import nbclient
import nbformat

import shop

NOTEBOOK = pathlib.Path(os.environ["ATTUNE_SOURCE"]) / "examples/notebook.ipynb"


class NotebookTest(unittest.TestCase):
    def test_runs_and_shows(self):
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        self.assertTrue(all(not cell.get("outputs") for cell in notebook.cells),
                        "committed with outputs")
        nbclient.NotebookClient(
            notebook, timeout=300, kernel_name="python3",
            resources={"metadata": {"path": str(shop.folder())}}).execute()
        outputs = [output for cell in notebook.cells
                   for output in cell.get("outputs", [])]
        self.assertFalse([o for o in outputs if o.output_type == "error"])
        pages = [o.data["text/html"] for o in outputs if "data" in o and
                 "text/html" in o.data]
        self.assertTrue(any("because of" in page for page in pages))
        self.assertTrue(any("background:rgba" in page for page in pages))
        self.assertTrue(any("image/png" in o.data for o in outputs if "data" in o))


if __name__ == "__main__":
    unittest.main()

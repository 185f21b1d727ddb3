"""What the package shows of itself: stubs, docstrings, no forgotten names."""
import ast
import inspect
import os
import pathlib
import unittest

import attune
from attune import _attune


class PackageTest(unittest.TestCase):
    def test_stub_says_what_the_module_has(self):
        folder = pathlib.Path(attune.__file__).parent
        self.assertTrue((folder / "py.typed").exists())
        tree = ast.parse((folder / "_attune.pyi").read_text())
        functions = {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}
        classes = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
        self.assertEqual(functions | set(classes),
                         {n for n in dir(_attune) if not n.startswith("_")
                          and callable(getattr(_attune, n))})
        for name, tree_of in classes.items():
            methods = {n.name for n in tree_of.body if isinstance(n, ast.FunctionDef)}
            self.assertEqual(methods - {"__init__"},
                             {n for n in dir(getattr(_attune, name))
                              if not n.startswith("_")})

    def test_everything_public_is_documented_and_typed(self):
        for name in attune.__all__:
            thing = getattr(attune, name)
            if name == "__version__":
                continue
            self.assertTrue(inspect.getdoc(thing), name)
            functions = [thing] if inspect.isfunction(thing) else [
                f for n, f in vars(thing).items()
                if inspect.isfunction(f) and not n.startswith("_")]
            for function in functions:
                with self.subTest(f"{name}.{function.__name__}"):
                    self.assertTrue(inspect.getdoc(function))
                    signature = inspect.signature(function)
                    self.assertIsNot(signature.return_annotation, inspect.Signature.empty)
                    for parameter in signature.parameters.values():
                        if parameter.name != "self":
                            self.assertIsNot(parameter.annotation,
                                             inspect.Parameter.empty, parameter)

    def test_version_is_the_engine_s(self):
        self.assertEqual(attune.__version__, os.environ["ATTUNE_VERSION"])


if __name__ == "__main__":
    unittest.main()

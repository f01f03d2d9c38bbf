"""Fails on an include that points up or sideways, and on a third-party header outside its owner.

usage: layers.py SOURCE_DIRECTORY
"""
import pathlib
import re
import sys

# What each module may include of ours (besides itself), directly.
ALLOWED = {
    "core": set(),
    "options": {"core"},
    "linalg": {"core"},
    "space": {"core", "linalg"},
    "method": {"core"},
    "model": {"core", "options"},
    "dakota": {"core", "model"},
    "isolation": {"core", "model"},
    "parallel": {"core"},
    "petsc": {"core"},
    "evaluation": {"core", "options", "method", "model", "parallel"},
    "vi": {"core", "options", "linalg", "space", "method"},
    "regression": {"core", "options", "linalg", "space", "method", "vi"},
    "model_petsc": {"core", "options", "model", "petsc"},
    "model_plugin": {"core", "options", "model", "parallel"},
    "model_process": {"core", "options", "model", "dakota", "isolation"},
    "model_umbridge": {"core", "options", "model", "parallel"},
    "umbridge_server": {"core", "model", "parallel"},
    "store": {"core", "space", "method"},
    "campaign": {"core", "options", "linalg", "space", "method", "model", "parallel",
                 "evaluation", "vi", "regression", "store"},
    "doctor": {"core", "space", "model", "isolation", "parallel"},
    "app": None,  # everything below it
}

# Which modules may include a third-party header directly.
OWNERS = [
    (r"mpi\.h", {"parallel", "petsc", "model", "model_petsc", "model_plugin", "model_process",
                 "model_umbridge", "doctor"}),
    (r"petsc.*", {"petsc", "model_petsc"}),
    (r"hdf5.*|H5.*", {"store"}),
    (r"yaml-cpp/.*", {"app"}),
    (r"CLI/.*", {"app"}),
    (r"spdlog/.*", {"app"}),
    (r"Random123/.*", {"core"}),
    (r"boost/random.*", {"core"}),
    (r"nlohmann/.*", {"dakota", "model_plugin", "model_umbridge", "umbridge_server",
                      "store", "campaign", "doctor", "app"}),
    (r"dlfcn\.h", {"model_plugin"}),
    (r"httplib\.h", {"model_umbridge", "umbridge_server"}),
]

MPI_WORLD_OWNER = "src/parallel/session.cpp"


def problems(root):
    for folder in ("include/invar", "src"):
        for path in sorted((root / folder).rglob("*.[ch]pp")):
            relative = path.relative_to(root)
            module = path.relative_to(root / folder).parts[0]
            if module not in ALLOWED:
                yield f"{relative}: no layer is known for the folder {module}"
                continue
            text = path.read_text(encoding="utf-8")
            code = re.sub(r"//.*", "", text)
            if re.search(r"\bMPI_COMM_WORLD\b", code) and str(relative) != MPI_WORLD_OWNER:
                yield f"{relative}: MPI_COMM_WORLD outside {MPI_WORLD_OWNER}"
            for number, line in enumerate(text.splitlines(), 1):
                include = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
                if not include:
                    continue
                header = include.group(1)
                place = f"{relative}:{number}"
                parts = header.split("/")
                ours = parts[1] if parts[0] == "invar" else parts[0]
                if ours in ALLOWED and (parts[0] == "invar" or (root / "src" / header).exists()):
                    allowed = ALLOWED[module]
                    if ours != module and allowed is not None and ours not in allowed:
                        yield f"{place}: {module} must not include {ours} ({header})"
                for pattern, owners in OWNERS:
                    if re.fullmatch(pattern, header) and module not in owners:
                        yield f"{place}: <{header}> belongs to {', '.join(sorted(owners))}"


def main():
    found = list(problems(pathlib.Path(sys.argv[1])))
    print("\n".join(found) if found else "layers are kept")
    sys.exit(1 if found else 0)


main()

#!/usr/bin/python3
"""How many forward runs other methods need on two small problems, and how good their answers are.

    peers.py [--problem NAME ...] [--method NAME ...] [--seeds 20] [--json FILE]
    peers.py --problem NAME --score FILE [--against best-gaussian] [--corrected]
    peers.py --check

The first form runs every method with every budget and seed, prints tables in Markdown and writes their
figures into FILE. The second scores answers of any other program in the same way: FILE has a JSON
object for every seed, {"runs": n, "mean": [...], "std": [...], "covariance": [[...]]}, one after the
other, or what `invar show DIR --json` prints. `covariance` may be missing (then there is no KL), and
`budget`, a word or number, may be added: objects that share it make one row of the table. With
`--against best-gaussian` errors are those against the optimum of Gaussian variational inference instead
of the posterior; with `--corrected` the moments of `invar` are those corrected with the runs' weights. The third compares the models with known answers.

Needs numpy, scipy and emcee: on Debian python3-numpy, python3-scipy, python3-emcee.
"""

import argparse
import functools
import json
import pathlib
import re
import sys
import time

import emcee
import numpy as np
from scipy.linalg import cho_factor, cho_solve

from problems import PROBLEMS

TOLERANCES = (0.1, 0.2)
LOST = 3.0
COLUMNS = ["budget", "runs", "e_mean", "e_sd", "kl", "within_0.1", "within_0.2", "lost"]


# --- answers and their errors ------------------------------------------------------------------------


def answer(runs, draws):
    """What a set of equally weighted draws says."""
    return {"runs": runs, "mean": draws.mean(axis=0), "covariance": np.cov(draws, rowvar=False)}


def errors(problem, found):
    """Largest error of a mean in units of the exact standard deviation, largest relative error of a
    standard deviation, and KL(N(mean, covariance) || N(exact mean, exact covariance))."""
    exact_sd = np.sqrt(np.diag(problem.covariance))
    mean = np.asarray(found["mean"], float)
    covariance = None if "covariance" not in found else np.asarray(found["covariance"], float)
    sd = np.sqrt(np.diag(covariance)) if "std" not in found else np.asarray(found["std"], float)
    e_mean = np.abs((mean - problem.mean) / exact_sd).max()
    e_sd = np.abs(sd / exact_sd - 1).max()
    if covariance is None:
        return e_mean, e_sd, np.nan
    root = np.linalg.cholesky(problem.covariance)
    off = np.linalg.solve(root, mean - problem.mean)
    ratio = np.linalg.solve(root, np.linalg.solve(root, covariance).T)
    sign, log_ratio = np.linalg.slogdet(ratio)
    log_ratio = log_ratio if sign > 0 else -np.inf
    return e_mean, e_sd, 0.5 * (np.trace(ratio) + off @ off - len(off) - log_ratio)


def summary(problem, budget, answers):
    """A row of the table from the answers of all seeds."""
    e_mean, e_sd, kl = np.array([errors(problem, found) for found in answers]).T
    within = [np.mean((e_mean <= tolerance) & (e_sd <= tolerance)) for tolerance in TOLERANCES]
    return [budget, float(np.median([found["runs"] for found in answers])),
            *(float(np.median(error)) for error in (e_mean, e_sd, kl)),
            *map(float, within), float(np.mean(e_mean > LOST))]


def runs_to_reach(rows, tolerance):
    """The runs of the least budget from which on both median errors keep within the tolerance."""
    runs = None
    for row in sorted(rows, key=lambda row: -row[1]):
        if max(row[2], row[3]) > tolerance:
            break
        runs = row[1]
    return runs


# --- ensemble methods --------------------------------------------------------------------------------


def kalman_step(problem, rng, x, q, inflation):
    """Moves an ensemble towards data whose noise covariance is multiplied by `inflation`, every member
    towards data perturbed for itself. Members whose run failed are left out for good."""
    finite = np.isfinite(q).all(axis=1)
    x, q = x[finite], q[finite]
    x_off, q_off = x - x.mean(axis=0), q - q.mean(axis=0)
    cross = x_off.T @ q_off / (len(x) - 1)
    covariance = q_off.T @ q_off / (len(x) - 1) + np.diag(inflation * problem.noise**2)
    data = problem.y + np.sqrt(inflation) * problem.noise * rng.standard_normal(q.shape)
    return x + (data - q) @ cho_solve(cho_factor(covariance), cross.T)


def es_mda(assimilations):
    """Ensemble smoother with multiple data assimilation, its inflation factors all equal.

    Emerick and Reynolds, "Ensemble smoother with multiple data assimilation", Computers & Geosciences
    55 (2013), doi:10.1016/j.cageo.2012.03.011.
    """

    def run(problem, seed, members):
        rng = np.random.default_rng([seed, members, assimilations])
        x = problem.draw_prior(rng, members)
        runs = 0
        for _ in range(assimilations):
            runs += len(x)
            x = kalman_step(problem, rng, x, problem.qois(x), assimilations)
        return answer(runs, x)

    return run


def adaptive_eki(problem, seed, members):
    """Ensemble Kalman inversion that chooses its steps by the ensemble's misfit and stops at T = 1,
    where a linear model's posterior would have been reached.

    Iglesias and Yang, "Adaptive regularisation for ensemble Kalman inversion", Inverse Problems 37
    (2021), doi:10.1088/1361-6420/abd29b: the data misfit controller.
    """
    rng = np.random.default_rng([seed, members, 1])
    x = problem.draw_prior(rng, members)
    runs, time_left, m = 0, 1.0, len(problem.y)
    while time_left > 1e-12:
        runs += len(x)
        q = problem.qois(x)
        misfit = 0.5 * (((q - problem.y) / problem.noise) ** 2).sum(axis=1)
        misfit = misfit[np.isfinite(misfit)]
        step = max(m / (2 * misfit.mean()), np.sqrt(m / (2 * misfit.var(ddof=1))))
        step = min(step, time_left)
        x = kalman_step(problem, rng, x, q, 1 / step)
        time_left -= step
    return answer(runs, x)


# --- samplers ----------------------------------------------------------------------------------------


def from_prior(problem, rng, n):
    return problem.draw_prior(rng, n)


def from_literature(problem, rng, n):
    return problem.literature + 0.05 * rng.standard_normal((n, problem.dimension))


def adaptive_metropolis(problem, seeds, budgets, start=from_prior, first_scale=0.1, wait=200, every=10,
                        block=1024):
    """Chains from a draw of `start`; the first `wait` proposals have `first_scale` times the prior's
    standard deviation times 2.38 / sqrt(d), later ones the covariance 2.38^2 / d times that of the chain
    so far. A chain's first half is thrown away, in the answer and in what the proposal learns from.

    Haario, Saksman and Tamminen, "An adaptive Metropolis algorithm", Bernoulli 7 (2001),
    doi:10.2307/3318737; there the proposal learns from the whole chain. All seeds' chains advance
    together so that the model sees them at once; each has its own random numbers.
    """
    d, chains, length = problem.dimension, len(seeds), max(budgets)
    rngs = [np.random.default_rng([seed, 2]) for seed in seeds]
    factor = 2.38**2 / d
    floor = 1e-8 * problem.prior_covariance
    path = np.empty((length, chains, d))
    path[0] = [start(problem, rng, 1)[0] for rng in rngs]
    here = problem.log_joint(path[0])
    root = np.repeat((first_scale * np.sqrt(factor) * problem.prior_root)[None], chains, axis=0)
    # Sums up to every `every`-th step of x and of x x^T around the prior mean.
    sums = np.zeros((length // every + 1, chains, d))
    squares = np.zeros((length // every + 1, chains, d, d))
    for step in range(1, length):
        if step % every == 0:
            last = path[step - every:step] - problem.prior_mean
            now, half = step // every, step // (2 * every)
            sums[now] = sums[now - 1] + last.sum(axis=0)
            squares[now] = squares[now - 1] + np.einsum("tci,tcj->cij", last, last)
            if step >= wait:
                count = (now - half) * every
                mean = (sums[now] - sums[half]) / count
                covariance = (squares[now] - squares[half]) / count
                covariance -= np.einsum("ci,cj->cij", mean, mean)
                root = np.linalg.cholesky(factor * (covariance + floor))
        if (step - 1) % block == 0:
            normals = np.stack([rng.standard_normal((block, d)) for rng in rngs], axis=1)
            log_uniforms = np.log(np.stack([rng.random(block) for rng in rngs], axis=1))
        at = (step - 1) % block
        proposal = path[step - 1] + np.einsum("cij,cj->ci", root, normals[at])
        there = problem.log_joint(proposal)
        accept = log_uniforms[at] < there - here
        here = np.where(accept, there, here)
        path[step] = np.where(accept[:, None], proposal, path[step - 1])
    return {budget: [answer(budget, path[budget // 2:budget, chain]) for chain in range(chains)]
            for budget in budgets}


def affine_invariant(problem, seeds, budgets, start=from_prior, walkers=32):
    """emcee with its default move; the first half is thrown away.

    Goodman and Weare, "Ensemble samplers with affine invariance", Comm. App. Math. Comp. Sci. 5 (2010),
    doi:10.2140/camcos.2010.5.65.
    """
    answers = {budget: [] for budget in budgets}
    for seed in seeds:
        rng = np.random.default_rng([seed, walkers, 3])
        sampler = emcee.EnsembleSampler(walkers, problem.dimension, problem.log_joint, vectorize=True)
        sampler.random_state = np.random.RandomState(rng.integers(2**32)).get_state()
        first = start(problem, rng, walkers)
        # The walkers' first places cost a run each, too.
        sampler.run_mcmc(first, max(budgets) // walkers - 1, skip_initial_state_check=True)
        path = np.concatenate([first[None], sampler.get_chain()])
        for budget in budgets:
            steps = budget // walkers
            kept = path[steps // 2:steps].reshape(-1, problem.dimension)
            answers[budget].append(answer(budget, kept))
    return answers


def for_each(run):
    """A method that starts anew for every budget, in the form of one that looks at its path."""
    return lambda problem, seeds, budgets: {
        budget: [run(problem, seed, budget) for seed in seeds] for budget in budgets}


MEMBERS = [16, 32, 64, 128, 256, 512]
ENSEMBLES = {
    "ES-MDA, 4 assimilations": for_each(es_mda(4)),
    "ES-MDA, 8 assimilations": for_each(es_mda(8)),
    "EKI, adaptive steps to T = 1": for_each(adaptive_eki),
}
SAMPLERS = {
    "adaptive Metropolis": adaptive_metropolis,
    "emcee, 32 walkers": affine_invariant,
}
# Where a problem has values from the literature, near which a user could start.
INFORMED_SAMPLERS = {
    f"{name}, started near the answer": functools.partial(run, start=from_literature)
    for name, run in SAMPLERS.items()
}


def plan(problem):
    """The methods that are run on a problem, each with what it is told: members or a length."""
    lengths = [2**k for k in range(9, problem.log2_longest + 1)]
    samplers = {**SAMPLERS, **(INFORMED_SAMPLERS if problem.literature is not None else {})}
    return {**{name: (run, "members", MEMBERS) for name, run in ENSEMBLES.items()},
            **{name: (run, "length", lengths) for name, run in samplers.items()}}


# --- output ------------------------------------------------------------------------------------------


def number(value):
    if value is None or np.isnan(value):
        return "–"
    return f"{value:.2g}" if value < 100 else f"{value:,.0f}" if value < 1e6 else f"{value:.0e}"


def markdown(rows, first="budget"):
    lines = [f"| {first} | runs | e_mean | e_sd | KL | within 0.1 | within 0.2 | lost |",
             "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        shares = [f"{100 * share:.0f} %" for share in row[5:]]
        cells = [str(row[0]), f"{row[1]:,.0f}", *map(number, row[2:5]), *shares]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def reach_table(tables):
    lines = ["| method | " + " | ".join(f"runs to {t}" for t in TOLERANCES) + " | at most tried |",
             "|---|" + "---|" * (len(TOLERANCES) + 1)]
    for method, rows in tables.items():
        reached = [runs_to_reach(rows, tolerance) for tolerance in TOLERANCES]
        cells = ["not reached" if runs is None else f"{runs:,.0f}" for runs in reached]
        most = max(row[1] for row in rows)
        lines.append(f"| {method} | " + " | ".join(cells) + f" | {most:,.0f} |")
    return "\n".join(lines)


def rounded(value):
    """The same with four digits, as JSON can say it."""
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [rounded(entry) for entry in value]
    if isinstance(value, float):
        return float(f"{value:.4g}") if np.isfinite(value) else None
    return value


def mean_and_std(mean, covariance):
    return {"mean": mean.tolist(), "std": np.sqrt(np.diag(covariance)).tolist()}


def measure(problem, wanted, seeds):
    """Runs the methods and returns what there is to know, a table for each."""
    mean, covariance = problem.best_gaussian()
    floor = errors(problem, {"mean": mean, "covariance": covariance})
    print(f"\n## {problem.name}\n\nThe best Gaussian in the sense of variational inference: "
          f"e_mean {floor[0]:.2g}, e_sd {floor[1]:.2g}, KL {floor[2]:.2g}.", flush=True)
    tables = {}
    for name, (run, first, budgets) in plan(problem).items():
        if wanted and name not in wanted:
            continue
        start = time.monotonic()
        answers = run(problem, seeds, budgets)
        tables[name] = [summary(problem, budget, answers[budget]) for budget in budgets]
        print(f"\n{name}\n\n{markdown(tables[name], first)}", flush=True)
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    print(f"\n{reach_table(tables)}", flush=True)
    return {"exact": mean_and_std(problem.mean, problem.covariance),
            "best_gaussian": {**mean_and_std(mean, covariance), **dict(zip(COLUMNS[2:5], floor))},
            "tables": tables}


def read_answers(text, corrected=False):
    """The answers in a text of JSON objects, one after the other."""
    decoder = json.JSONDecoder()
    text = text.strip()
    while text:
        found, end = decoder.raw_decode(text)
        text = text[end:].lstrip()
        if "evaluations" in found:
            if found["posterior"] is None:
                sys.exit("a campaign has no posterior yet")
            found = {"runs": found["evaluations"], **found["posterior"]}
            if corrected:
                found = {"runs": found["runs"], **{
                    name: found["diagnostics"][f"corrected_{name}"] for name in ("mean", "std")}}
        yield found


def score(problem, file, corrected):
    groups = {}
    for found in read_answers(file.read_text(), corrected):
        groups.setdefault(found.get("budget", "all"), []).append(found)
    rows = [summary(problem, budget, answers) for budget, answers in groups.items()]
    print(markdown(rows))
    if len(rows) > 1:
        print("\n" + reach_table({file.name: rows}))


def check():
    """The models against answers from elsewhere; ends with an AssertionError where they differ."""
    from scipy.integrate import solve_ivp
    from scipy.stats import multivariate_t

    lynx_hare, two_exponentials = PROBLEMS["lynx-hare"](), PROBLEMS["two-exponentials"]()

    at_map = lynx_hare.log_joint(np.array(lynx_hare.reference["map"]))[0]
    known = lynx_hare.reference["log_joint_at_map"]
    print(f"lynx-hare, log joint at its maximum: {at_map:.6f}, known {known:.6f}")
    assert abs(at_map - known) < 1e-3

    def exact(x):
        alpha, beta, gamma, delta = np.exp(x[:4])
        return solve_ivp(lambda _, s: [alpha - beta * np.exp(s[1]), -gamma + delta * np.exp(s[0])],
                         (0, 20), x[4:], method="DOP853", rtol=1e-11, atol=1e-11,
                         t_eval=np.arange(21.0)).y.T.ravel()

    rng = np.random.default_rng(0)
    posterior = rng.multivariate_normal(lynx_hare.mean, lynx_hare.covariance, 100)
    for name, x, bound in (("posterior", posterior, 2e-4),
                           ("prior", lynx_hare.draw_prior(rng, 100), 2e-2)):
        error = np.abs(lynx_hare.qois(x) - [exact(row) for row in x]).max()
        print(f"lynx-hare, largest error of a QoI at 100 draws of the {name}: {error:.1e}")
        assert error < bound

    known = np.array(lynx_hare.reference["gaussian_vi_full"]["sd"])
    error = np.abs(np.sqrt(np.diag(lynx_hare.best_gaussian()[1])) / known - 1).max()
    print(f"lynx-hare, best Gaussian's standard deviations, relative error: {error:.1e}")
    assert error < 1e-2

    # Importance sampling from a multivariate t with three degrees of freedom.
    t = multivariate_t(two_exponentials.mean, 2 * two_exponentials.covariance, df=3)
    x = t.rvs(1_000_000, random_state=rng)
    log_q = t.logpdf(x)
    log_weight = two_exponentials.log_joint(x) - log_q
    weight = np.exp(log_weight - log_weight.max())
    evidence = log_weight.max() + np.log(weight.mean())
    weight /= weight.sum()
    mean = weight @ x
    sd = np.sqrt(weight @ (x - mean) ** 2)
    e_mean, e_sd, _ = errors(two_exponentials, {"mean": mean, "std": sd})
    print(f"two-exponentials, quadrature against importance sampling with {1 / (weight**2).sum():.0f} "
          f"effective draws: e_mean {e_mean:.1e}, e_sd {e_sd:.1e}, log evidence "
          f"{evidence:.4f} and {two_exponentials.log_evidence:.4f}")
    assert e_mean < 0.02 and e_sd < 0.02 and abs(evidence - two_exponentials.log_evidence) < 0.02


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--problem", action="append", choices=list(PROBLEMS))
    parser.add_argument("--method", action="append", choices=[*ENSEMBLES, *SAMPLERS, *INFORMED_SAMPLERS])
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--score", type=pathlib.Path)
    parser.add_argument("--against", choices=["posterior", "best-gaussian"], default="posterior")
    parser.add_argument("--corrected", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    if arguments.check:
        check()
        return
    names = arguments.problem or list(PROBLEMS)
    if arguments.score:
        if len(names) != 1:
            parser.error("--score needs one --problem")
        problem = PROBLEMS[names[0]]()
        if arguments.against == "best-gaussian":
            problem.mean, problem.covariance = problem.best_gaussian()
        score(problem, arguments.score, arguments.corrected)
        return
    results = {"columns": COLUMNS, "seeds": arguments.seeds, "problems": {}}
    for name in names:
        seeds = range(1, arguments.seeds + 1)
        results["problems"][name] = measure(PROBLEMS[name](), arguments.method, seeds)
    if arguments.json:
        text = json.dumps(rounded(results), indent=1, ensure_ascii=False)
        # A row of a table on one line.
        text = re.sub(r"\[[^][{}]*\]", lambda row: " ".join(row[0].split()), text)
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()

"""The two problems: their forward models on many points at once, and what their posteriors are.

A problem has a normal prior (`prior_mean`, `prior_covariance`), observations `y` with independent noise
of standard deviations `noise`, a forward model `qois` (n points in rows, d parameters -> n x m) and the
exact posterior's `mean` and `covariance`.
"""

import json
import pathlib

import numpy as np
from scipy.optimize import minimize
from scipy.stats import norm, qmc

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
LYNX_HARE = REPOSITORY / "jobs/lynx-hare"


class Problem:
    """Bayes' rule around a forward model, which subclasses define."""

    literature = None  # where a user who knows the subject would start
    log2_longest = 17  # of the runs that a sampler may take

    def __init__(self, prior_mean, prior_covariance, y, noise):
        self.prior_mean = np.asarray(prior_mean, float)
        self.prior_covariance = np.asarray(prior_covariance, float)
        self.prior_root = np.linalg.cholesky(self.prior_covariance)
        self.y = np.asarray(y, float)
        self.noise = np.broadcast_to(np.asarray(noise, float), self.y.shape)

    @property
    def dimension(self):
        return len(self.prior_mean)

    def draw_prior(self, rng, n):
        return self.prior_mean + rng.standard_normal((n, self.dimension)) @ self.prior_root.T

    def log_prior(self, x):
        z = np.linalg.solve(self.prior_root, (np.atleast_2d(x) - self.prior_mean).T)
        log_root = np.log(np.diag(self.prior_root)).sum()
        return -0.5 * (z**2).sum(axis=0) - log_root - 0.5 * self.dimension * np.log(2 * np.pi)

    def log_likelihood(self, x):
        """With its constant; minus infinity where the model fails."""
        residual = (self.qois(np.atleast_2d(x)) - self.y) / self.noise
        constant = np.log(self.noise).sum() + 0.5 * len(self.y) * np.log(2 * np.pi)
        value = -0.5 * (residual**2).sum(axis=1) - constant
        return np.where(np.isfinite(value), value, -np.inf)

    def log_joint(self, x):
        return self.log_likelihood(x) + self.log_prior(x)

    def best_gaussian(self, points=2**11):
        """Mean and covariance of the normal q with the least KL(q || posterior): what Gaussian
        variational inference can reach at best.

        Minimised over mean and Cholesky factor with the same scrambled Sobol' points throughout; the
        gradient of log_joint is by central differences.
        """
        d = self.dimension
        lower = np.tril_indices(d)
        z = norm.ppf(qmc.Sobol(d, seed=0).random(points))
        z -= z.mean(axis=0)
        start = np.linalg.cholesky(self.covariance)
        width = 1e-4 * np.sqrt(np.diag(self.covariance))

        def objective(step):
            root = np.zeros((d, d))
            root[lower] = step[d:]
            mean = self.mean + start @ step[:d]
            x = mean + z @ (start @ root).T
            slope = np.empty((points, d))
            for j in range(d):
                shift = np.zeros(d)
                shift[j] = width[j]
                slope[:, j] = (self.log_joint(x + shift) - self.log_joint(x - shift)) / (2 * width[j])
            slope = slope @ start
            value = -self.log_joint(x).mean() - np.log(np.abs(np.diag(root))).sum()
            by_root = -slope.T @ z / points - np.diag(1 / np.diag(root))
            return value, np.concatenate([-slope.mean(axis=0), by_root[lower]])

        found = minimize(objective, np.concatenate([np.zeros(d), np.eye(d)[lower]]), jac=True,
                         method="BFGS", options={"gtol": 1e-5})
        root = np.zeros((d, d))
        root[lower] = found.x[d:]
        root = start @ root
        return self.mean + start @ found.x[:d], root @ root.T


class LynxHare(Problem):
    """jobs/lynx-hare: dp/dt = alpha - beta e^q, dq/dt = -gamma + delta e^p in p = log u, q = log v.

    That is a Hamiltonian system whose energy is the sum of a function of p and one of q, so that a
    splitting method advances p and q in turn, each exactly. The coefficients are of the method S10 of
    order 6 in Blanes and Moan, "Practical symplectic partitioned Runge-Kutta and Runge-Kutta-Nystrom
    methods", J. Comput. Appl. Math. 142 (2002), doi:10.1016/S0377-0427(01)00492-7. The energy is
    constant on the exact solution; points where it is not are done again with half the step.
    """

    name = "lynx-hare"
    literature = np.array([-0.7, -3.5, -0.2, -3.7, 3.4, 1.6])  # as in study.yaml
    log2_longest = 15
    of_p = np.array([0.0502627644003922, 0.413514300428344, 0.0450798897943977, -0.188054853819569,
                     0.541960678450780])
    of_q = np.array([0.148816447901042, -0.132385865767784, 0.067307604692185, 0.432666402578175])

    def __init__(self, tolerance=1e-3):
        reference = json.loads((LYNX_HARE / "reference.json").read_text())
        self.reference = reference["six_parameters_fixed_noise"]
        pelts = np.loadtxt(LYNX_HARE / "lynx_hare.csv", delimiter=",", skiprows=1)
        super().__init__(self.reference["prior_mean"], np.diag(self.reference["prior_sd"]) ** 2,
                         np.log(pelts[:, 1:]).ravel(), self.reference["noise_sd_log"])
        posterior = self.reference["posterior"]
        self.mean = np.array(posterior["mean"])
        self.covariance = np.array(posterior["corr"]) * np.outer(posterior["sd"], posterior["sd"])
        self.years = len(pelts)
        self.tolerance = tolerance

    def qois(self, x):
        x = np.asarray(x, float)
        result = np.full((len(x), 2 * self.years), np.nan)
        todo = np.arange(len(x))
        steps = 1
        with np.errstate(all="ignore"):
            while len(todo) > 0 and steps <= 2**12:
                path, drift = self.integrate(x[todo], steps)
                done = drift < self.tolerance
                result[todo[done]] = path[done]
                todo = todo[~done]
                steps *= 2
        return result

    def integrate(self, x, steps):
        """p and q of every year, `steps` steps a year, and how far the energy ever was from its start
        in units of the larger of 1 and alpha + gamma."""
        alpha, beta, gamma, delta = np.exp(x[:, :4]).T
        p, q = x[:, 4].copy(), x[:, 5].copy()
        a = np.concatenate([self.of_p, [1 - 2 * self.of_p.sum()], self.of_p[::-1]]) / steps
        b = np.concatenate([self.of_q, [0.5 - self.of_q.sum()]]) / steps
        b = np.concatenate([b, b[::-1]])
        stages = [(a_i * alpha, a_i * beta, -b_i * gamma, -b_i * delta) for a_i, b_i in zip(a, b)]
        last_one, last_exp = a[-1] * alpha, a[-1] * beta
        work = np.empty_like(p)

        def energy():
            return delta * np.exp(p) - gamma * p + beta * np.exp(q) - alpha * q

        def advance(variable, other, one, by_exp):
            np.exp(other, out=work)
            np.multiply(work, by_exp, out=work)
            np.subtract(one, work, out=work)
            np.add(variable, work, out=variable)

        path = np.empty((len(x), 2 * self.years))
        path[:, 0], path[:, 1] = p, q
        start = energy()
        drift = np.zeros_like(p)
        for year in range(1, self.years):
            for _ in range(steps):
                for p_one, p_exp, q_one, q_exp in stages:
                    advance(p, q, p_one, p_exp)
                    advance(q, p, q_one, q_exp)
                advance(p, q, last_one, last_exp)
                np.maximum(drift, np.abs(energy() - start), out=drift)
            path[:, 2 * year], path[:, 2 * year + 1] = p, q
        drift[np.isnan(drift)] = np.inf
        return path, drift / np.maximum(1.0, alpha + gamma)


class TwoExponentials(Problem):
    """q_k = A1 exp(-k1 t_k) + A2 exp(-k2 t_k) with twelve noisy data, two of whose four parameters
    enter linearly: a correlated, curved posterior."""

    name = "two-exponentials"

    def __init__(self):
        self.times = np.linspace(0.1, 4, 12)
        super().__init__(
            [1, 1, 1, 2], np.diag([0.5, 0.3, 0.4, 0.6]) ** 2,
            [1.5702033349253015, 0.9931567623292868, 0.6949730727135419, 0.49154595338231655,
             0.2836366665747025, 0.28101700585138967, 0.19305541461607215, 0.07287842279714905,
             0.0851381371453308, 0.06016315537121111, 0.04532473187334564, 0.04953771824538819], 0.03)
        self.mean, self.covariance, self.skewness, self.log_evidence = self.exact_moments()

    def qois(self, x):
        x = np.asarray(x, float)
        with np.errstate(all="ignore"):
            return (x[:, 0:1] * np.exp(-x[:, 1:2] * self.times)
                    + x[:, 2:3] * np.exp(-x[:, 3:4] * self.times))

    def exact_moments(self, n=400):
        """Mean, covariance, marginal skewness and log evidence without sampling.

        Given k1 and k2 the model is linear in A1 and A2, whose posterior is then normal in closed
        form; what is left is a smooth integral over two numbers that the trapezoidal rule takes.
        """
        sd = np.sqrt(np.diag(self.prior_covariance))
        k1 = np.linspace(-1.0, 3.0, n)
        k2 = np.linspace(-1.5, 6.0, n)
        k = np.stack(np.meshgrid(k1, k2, indexing="ij"), axis=-1).reshape(-1, 2)
        design = np.exp(-k[:, None, :] * self.times[None, :, None]) / self.noise[:, None]
        data = self.y / self.noise
        prior_precision = np.diag(1 / sd[[0, 2]] ** 2)
        precision = np.einsum("nki,nkj->nij", design, design) + prior_precision
        right = np.einsum("nki,k->ni", design, data) + prior_precision @ self.prior_mean[[0, 2]]
        covariance = np.linalg.inv(precision)
        mean = np.einsum("nij,nj->ni", covariance, right)
        log_weight = (
            0.5 * (right * mean).sum(axis=1) - 0.5 * np.linalg.slogdet(precision)[1]
            - 0.5 * (((k - self.prior_mean[[1, 3]]) / sd[[1, 3]]) ** 2).sum(axis=1)
        )
        peak = log_weight.max()
        weight = np.exp(log_weight - peak)
        constant = (-0.5 * (data**2).sum() - np.log(self.noise).sum() - np.log(sd).sum()
                    - 0.5 * (len(data) + 2) * np.log(2 * np.pi)
                    - 0.5 * (self.prior_mean[[0, 2]] ** 2 / sd[[0, 2]] ** 2).sum())
        cell = (k1[1] - k1[0]) * (k2[1] - k2[0])
        log_evidence = peak + np.log(weight.sum() * cell) + constant
        weight /= weight.sum()
        centre = np.column_stack([mean[:, 0], k[:, 0], mean[:, 1], k[:, 1]])
        total = weight @ centre
        off = centre - total
        full = np.einsum("n,ni,nj->ij", weight, off, off)
        spread = np.zeros((len(k), 4))
        spread[:, [0, 2]] = covariance[:, [0, 1], [0, 1]]
        full[np.ix_([0, 2], [0, 2])] += np.einsum("n,nij->ij", weight, covariance)
        third = weight @ (off**3 + 3 * off * spread)
        return total, full, third / np.diag(full) ** 1.5, log_evidence


PROBLEMS = {problem.name: problem for problem in (LynxHare, TwoExponentials)}

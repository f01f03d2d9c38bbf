#pragma once

// What every model keeps, as one suite. A test program instantiates it once:
//
//     INSTANTIATE_TEST_SUITE_P(Mine, ModelContract, ::testing::Values(my_case()), case_name);
//
// and runs on 1, 2 and 3 ranks, which are then the group.
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <mpi.h>
#include <unistd.h>

#include <Eigen/Core>
#include <gtest/gtest.h>

#include "invar/model/model.hpp"

namespace invar::model {

/// A model and where it is used. All fields are the same on all ranks.
struct ContractCase {
  std::string name;
  ModelFactory make;
  Eigen::VectorXd prior_mean;
  Eigen::VectorXd prior_std;
  /// Whether a run with all parameters at this absurd value must not give finite QoIs.
  std::function<bool(double value)> must_not_succeed;
  /// Objects that a library under the model holds at present, 0 where nobody counts.
  std::function<long()> num_live_objects = [] { return 0L; };
};

inline std::string case_name(const ::testing::TestParamInfo<ContractCase>& info) {
  return info.param.name;
}

inline void PrintTo(const ContractCase& value, std::ostream* out) {
  *out << value.name;
}

class ModelContract : public ::testing::TestWithParam<ContractCase> {
 protected:
  /// Whether a condition holds on all ranks: asserting on one alone would leave the others waiting.
  static bool on_all_ranks(bool condition) {
    int mine = condition ? 1 : 0;
    int all = 0;
    MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    return all == 1;
  }

  static int rank() {
    int rank = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
  }

  /// Points within the prior: its mean, then others at most 1.5 standard deviations away.
  static std::vector<Eigen::VectorXd> points() {
    const ContractCase& the_case = GetParam();
    std::vector<Eigen::VectorXd> points = {the_case.prior_mean};
    for (int which = 1; which <= 3; ++which) {
      Eigen::VectorXd point = the_case.prior_mean;
      for (Eigen::Index i = 0; i < point.size(); ++i) {
        point[i] +=
            1.5 * the_case.prior_std[i] * std::sin(7.0 * which + 2.0 * static_cast<double>(i));
      }
      points.push_back(point);
    }
    return points;
  }

  static bool has_succeeded(const ModelResult& result) {
    return result.is_ok() && result.qois.allFinite();
  }

  static bool are_same_bits(const ModelResult& a, const ModelResult& b) {
    return a.status == b.status && a.qois.size() == b.qois.size() &&
           std::memcmp(a.qois.data(), b.qois.data(),
                       sizeof(double) * static_cast<std::size_t>(a.qois.size())) == 0;
  }
};

TEST_P(ModelContract, KeepsItsSizes) {
  const auto model = GetParam().make(MPI_COMM_WORLD);
  const Eigen::Index num_parameters = model->num_parameters();
  const Eigen::Index num_qois = model->num_qois();

  for (const Eigen::VectorXd& point : points()) {
    const ModelResult result = model->evaluate(point);

    ASSERT_TRUE(on_all_ranks(rank() != 0 || result.qois.size() == num_qois));
    EXPECT_EQ(model->num_parameters(), num_parameters);
    EXPECT_EQ(model->num_qois(), num_qois);
  }
  EXPECT_EQ(num_parameters, GetParam().prior_mean.size());
}

TEST_P(ModelContract, IsFiniteWithinThePrior) {
  const auto model = GetParam().make(MPI_COMM_WORLD);

  for (const Eigen::VectorXd& point : points()) {
    const ModelResult result = model->evaluate(point);

    ASSERT_TRUE(on_all_ranks(has_succeeded(result))) << result.message;
  }
}

TEST_P(ModelContract, GivesTheSameBitsInAnyOrderAndFromANewModel) {
  const auto model = GetParam().make(MPI_COMM_WORLD);
  const std::vector<Eigen::VectorXd> at = points();
  std::vector<ModelResult> first;
  for (const Eigen::VectorXd& point : at) {
    first.push_back(model->evaluate(point));
  }

  const auto other = GetParam().make(MPI_COMM_WORLD);
  for (std::size_t i = at.size(); i-- > 0;) {
    const ModelResult again = model->evaluate(at[i]);
    const ModelResult twice = model->evaluate(at[i]);
    const ModelResult elsewhere = other->evaluate(at[i]);

    EXPECT_TRUE(are_same_bits(again, first[i])) << "point " << i;
    EXPECT_TRUE(are_same_bits(twice, first[i])) << "point " << i;
    EXPECT_TRUE(are_same_bits(elsewhere, first[i])) << "point " << i;
  }
}

TEST_P(ModelContract, SurvivesAbsurdParameters) {
  const auto model = GetParam().make(MPI_COMM_WORLD);
  const Eigen::VectorXd usual = GetParam().prior_mean;
  const ModelResult good = model->evaluate(usual);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinity = std::numeric_limits<double>::infinity();

  for (const double value : {nan, infinity, -infinity, 1e3, -1e3, 1e308, -1e308}) {
    std::vector<Eigen::VectorXd> absurd = {Eigen::VectorXd::Constant(usual.size(), value)};
    for (Eigen::Index i = 0; i < usual.size(); ++i) {
      absurd.push_back(usual);
      absurd.back()[i] = value;
    }
    for (std::size_t i = 0; i < absurd.size(); ++i) {
      const auto start = std::chrono::steady_clock::now();

      const ModelResult result = model->evaluate(absurd[i]);

      EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10))
          << value << ", variant " << i;
      EXPECT_TRUE(result.is_ok() || !result.message.empty()) << value << ", variant " << i;
      if (std::isnan(value) || (i == 0 && GetParam().must_not_succeed(value))) {
        EXPECT_TRUE(rank() != 0 || !has_succeeded(result)) << value << ", variant " << i;
      }
      EXPECT_TRUE(are_same_bits(model->evaluate(usual), good)) << value << ", variant " << i;
    }
  }
}

TEST_P(ModelContract, GivesTheSameQoisOnOneRankAsOnTheGroup) {
  const auto together = GetParam().make(MPI_COMM_WORLD);
  const auto alone = GetParam().make(MPI_COMM_SELF);

  for (const Eigen::VectorXd& point : points()) {
    const ModelResult of_group = together->evaluate(point);
    const ModelResult of_one = alone->evaluate(point);

    ASSERT_TRUE(on_all_ranks(of_group.is_ok() && of_one.is_ok()));
    if (rank() == 0) {
      EXPECT_LE((of_group.qois - of_one.qois).lpNorm<Eigen::Infinity>(),
                1e-10 * of_one.qois.lpNorm<Eigen::Infinity>());
    }
  }
}

TEST_P(ModelContract, UsesOnlyTheCommunicatorItWasGiven) {
  MPI_Comm group = MPI_COMM_NULL;
  MPI_Comm_split(MPI_COMM_WORLD, rank() == 0 ? 0 : 1, rank(), &group);
  auto model = GetParam().make(group);

  // One group calls more often than the other: a model that reached beyond its group would hang.
  bool is_ok = true;
  for (int call = 0; call < (rank() == 0 ? 5 : 2); ++call) {
    is_ok = has_succeeded(model->evaluate(GetParam().prior_mean)) && is_ok;
  }

  EXPECT_TRUE(is_ok);
  model.reset();
  MPI_Comm_free(&group);
}

/// Every capability: J, J v and w^T J are those of differences, and fit each other.
TEST_P(ModelContract, GivesTheDerivativesThatItSays) {
  const auto model = GetParam().make(MPI_COMM_WORLD);
  const Capabilities can = model->capabilities();
  const Eigen::Index d = model->num_parameters();
  const Eigen::Index m = model->num_qois();
  ModelRequest request(GetParam().prior_mean);
  request.wants_jacobian = can.jacobian;
  const Eigen::VectorXd direction =
      GetParam().prior_std.array() * Eigen::ArrayXd::LinSpaced(d, 0.5, 1.0);
  const Eigen::VectorXd weights = Eigen::VectorXd::LinSpaced(m, -1.0, 1.0);
  if (can.jacobian_vector) {
    request.directions = direction;
  }
  if (can.vector_jacobian) {
    request.weights = weights;
  }
  // Central differences: the error is about the cube root of the machine's precision squared.
  constexpr double step = 1e-5;
  constexpr double tolerance = 1e-7;

  const ModelResult result = model->evaluate(request);
  const ModelResult ahead = model->evaluate(Eigen::VectorXd(request.parameters + step * direction));
  const ModelResult behind =
      model->evaluate(Eigen::VectorXd(request.parameters - step * direction));

  ASSERT_TRUE(on_all_ranks(has_succeeded(result)));
  if (rank() != 0) {
    return;
  }
  EXPECT_EQ(result.jacobian.size(), can.jacobian ? m * d : 0);
  EXPECT_EQ(result.jacobian_vectors.size(), can.jacobian_vector ? m : 0);
  EXPECT_EQ(result.vector_jacobians.size(), can.vector_jacobian ? d : 0);
  const Eigen::VectorXd slope = (ahead.qois - behind.qois) / (2 * step);
  const double scale = slope.norm() + 1e-12;
  if (can.jacobian) {
    EXPECT_LE((result.jacobian * direction - slope).norm(), tolerance * scale);
  }
  if (can.jacobian_vector) {
    EXPECT_LE((result.jacobian_vectors.col(0) - slope).norm(), tolerance * scale);
  }
  if (can.vector_jacobian) {
    EXPECT_NEAR(result.vector_jacobians.col(0).dot(direction), weights.dot(slope),
                tolerance * scale * weights.norm());
  }
}

/// What a process holds.
struct Holdings {
  double resident_megabytes = 0.0;
  long num_descriptors = 0;
  long num_objects = 0;
  int next_communicator = 0;  // its number: Open MPI takes the lowest that is free

  static Holdings now(const ContractCase& the_case) {
    Holdings holdings;
    long total_pages = 0;
    long resident_pages = 0;
    std::ifstream("/proc/self/statm") >> total_pages >> resident_pages;
    holdings.resident_megabytes =
        static_cast<double>(resident_pages) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e6;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator("/proc/self/fd")) {
      ++holdings.num_descriptors;
    }
    holdings.num_objects = the_case.num_live_objects();
    MPI_Comm copy = MPI_COMM_NULL;
    MPI_Comm_dup(MPI_COMM_WORLD, &copy);
    holdings.next_communicator = static_cast<int>(MPI_Comm_c2f(copy));
    MPI_Comm_free(&copy);
    return holdings;
  }
};

inline void expect_nothing_leaked(const Holdings& before, const Holdings& after) {
  // The allocator may still settle; 1,000 leaks of a kilobyte would show.
  EXPECT_LT(after.resident_megabytes - before.resident_megabytes, 1.0);
  EXPECT_EQ(after.num_descriptors, before.num_descriptors);
  EXPECT_EQ(after.num_objects, before.num_objects);
  EXPECT_EQ(after.next_communicator, before.next_communicator);
}

TEST_P(ModelContract, LeaksNothingOverAThousandCalls) {
  const auto model = GetParam().make(MPI_COMM_WORLD);
  const std::vector<Eigen::VectorXd> good = points();
  const Eigen::VectorXd bad =
      Eigen::VectorXd::Constant(good[0].size(), std::numeric_limits<double>::quiet_NaN());
  const auto call = [&](std::size_t i) {
    model->evaluate(i % 10 == 9 ? bad : good[i % good.size()]);
  };
  for (std::size_t i = 0; i < 200; ++i) {
    call(i);
  }
  const Holdings before = Holdings::now(GetParam());

  for (std::size_t i = 0; i < 1000; ++i) {
    call(i);
  }

  expect_nothing_leaked(before, Holdings::now(GetParam()));
}

TEST_P(ModelContract, LeaksNothingWhenMadeAndForgotten) {
  const auto make_and_forget = [] {
    const auto model = GetParam().make(MPI_COMM_WORLD);
    model->evaluate(GetParam().prior_mean);
  };
  for (int i = 0; i < 10; ++i) {
    make_and_forget();
  }
  const Holdings before = Holdings::now(GetParam());

  for (int i = 0; i < 50; ++i) {
    make_and_forget();
  }

  expect_nothing_leaked(before, Holdings::now(GetParam()));
}

}  // namespace invar::model

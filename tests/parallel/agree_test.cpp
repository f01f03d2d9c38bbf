#include "invar/parallel/agree.hpp"

#include <memory>
#include <stdexcept>
#include <string>

#include <mpi.h>

#include <gtest/gtest.h>

namespace {

using invar::Error;
using invar::ErrorKind;
using invar::parallel::agree;
using invar::parallel::all_of;
using invar::parallel::CollectiveError;
using invar::parallel::Comm;

/// On any number of ranks; the last one is where things go wrong.
class Agree : public ::testing::Test {
 protected:
  Comm comm_ = Comm::duplicate(MPI_COMM_WORLD);
  int rank_ = comm_.rank();
  int last_ = comm_.size() - 1;
};

TEST_F(Agree, ReturnsToEveryRankItsOwnValue) {
  const int value = agree(comm_, [&] { return 10 * rank_; });

  EXPECT_EQ(value, 10 * rank_);
}

TEST_F(Agree, TakesStepsThatReturnNothingOrWhatCannotBeCopied) {
  int num_calls = 0;

  agree(comm_, [&] { ++num_calls; });
  const auto owner = agree(comm_, [&] { return std::make_unique<int>(rank_); });

  EXPECT_EQ(num_calls, 1);
  EXPECT_EQ(*owner, rank_);
}

TEST_F(Agree, ThrowsTheErrorOfOneRankOnAll) {
  const auto step = [&] {
    if (rank_ == last_) {
      throw Error(ErrorKind::data, "rank " + std::to_string(rank_) + " cannot");
    }
    return 0;
  };

  try {
    agree(comm_, step);
    ADD_FAILURE() << "expected a CollectiveError";
  } catch (const CollectiveError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_EQ(error.what(), "rank " + std::to_string(last_) + " cannot");
    EXPECT_EQ(error.rank(), last_);
  }
}

TEST_F(Agree, TellsOfTheLowestRankWhenSeveralFail) {
  const auto step = [&] {
    if (rank_ > 0 || last_ == 0) {
      throw Error(ErrorKind::config, "rank " + std::to_string(rank_));
    }
  };

  try {
    agree(comm_, step);
    ADD_FAILURE() << "expected a CollectiveError";
  } catch (const CollectiveError& error) {
    EXPECT_EQ(error.rank(), last_ == 0 ? 0 : 1);
  }
}

TEST_F(Agree, CountsAnyOtherExceptionAsInternal) {
  const auto kind_of = [&](const auto& thrown) {
    try {
      agree(comm_, [&] { throw thrown; });
    } catch (const CollectiveError& error) {
      return error.kind();
    }
    return ErrorKind::usage;
  };

  EXPECT_EQ(kind_of(std::runtime_error("a")), ErrorKind::internal);
  EXPECT_EQ(kind_of(1), ErrorKind::internal);
}

TEST_F(Agree, LeavesACommunicatorThatStillWorks) {
  EXPECT_THROW(agree(comm_, [] { throw Error(ErrorKind::io, std::string(100000, 'x')); }),
               CollectiveError);

  EXPECT_TRUE(all_of(comm_, true));
  EXPECT_EQ(agree(comm_, [] { return 7; }), 7);
}

TEST_F(Agree, CarriesTheErrorOfAPartToAll) {
  const Comm part = Comm::split(comm_, rank_ % 2);
  const int guilty_part = last_ % 2;
  const auto inner = [&] {
    if (rank_ == last_) {
      throw Error(ErrorKind::no_input, "from within");
    }
  };

  try {
    agree(comm_, [&] { agree(part, inner); });
    ADD_FAILURE() << "expected a CollectiveError";
  } catch (const CollectiveError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::no_input);
    EXPECT_STREQ(error.what(), "from within");
    EXPECT_EQ(error.rank(), guilty_part);  // the first rank of that part
  }
}

}  // namespace

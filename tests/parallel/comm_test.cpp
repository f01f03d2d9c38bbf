#include "invar/parallel/comm.hpp"

#include <string>
#include <utility>

#include <mpi.h>

#include <gtest/gtest.h>

namespace {

using invar::parallel::all_of;
using invar::parallel::broadcast;
using invar::parallel::Comm;

class CommTest : public ::testing::Test {
 protected:
  Comm comm_ = Comm::duplicate(MPI_COMM_WORLD);
};

TEST_F(CommTest, IsACongruentDuplicate) {
  int relation = MPI_UNEQUAL;
  MPI_Comm_compare(MPI_COMM_WORLD, comm_.get(), &relation);

  EXPECT_EQ(relation, MPI_CONGRUENT);
}

TEST_F(CommTest, MovesItsCommunicator) {
  const MPI_Comm raw = comm_.get();

  const Comm moved = std::move(comm_);

  EXPECT_EQ(moved.get(), raw);
  EXPECT_EQ(comm_.get(), MPI_COMM_NULL);
}

TEST_F(CommTest, SplitsByColorInTheOrderOfRanks) {
  const int rank = comm_.rank();

  const Comm part = Comm::split(comm_, rank % 2);

  EXPECT_EQ(part.rank(), rank / 2);
  EXPECT_EQ(part.size(), (comm_.size() + 1 - rank % 2) / 2);
}

TEST_F(CommTest, AllOfNeedsEveryRank) {
  EXPECT_TRUE(all_of(comm_, true));
  EXPECT_FALSE(all_of(comm_, comm_.rank() != comm_.size() - 1));
}

TEST_F(CommTest, BroadcastReplacesTextOfAnyLength) {
  for (const std::size_t length : {std::size_t{0}, std::size_t{5}, std::size_t{3'000'001}}) {
    std::string expected(length, 'a');
    for (std::size_t i = 0; i < length; ++i) {
      expected[i] = static_cast<char>(i % 251);
    }
    std::string text = comm_.rank() == 0 ? expected : "something else";

    broadcast(comm_, text);

    EXPECT_TRUE(text == expected) << "length " << length;
  }
}

}  // namespace

#include "invar/petsc/handle.hpp"

#include <type_traits>
#include <utility>

#include <gtest/gtest.h>

#include "invar/petsc/check.hpp"
#include "support/petsc_environment.hpp"

namespace invar::petsc {
namespace {

const auto* const environment =
    ::testing::AddGlobalTestEnvironment(new test::PetscEnvironment);  // owned by gtest

static_assert(!std::is_copy_constructible_v<VecOwner>);
static_assert(!std::is_copy_assignable_v<VecOwner>);
static_assert(std::is_nothrow_move_constructible_v<VecOwner>);
static_assert(std::is_nothrow_move_assignable_v<VecOwner>);

VecOwner make_vec() {
  VecOwner x;
  check(VecCreateSeq(PETSC_COMM_SELF, 3, x.put()));
  return x;
}

/// References to an object that is kept alive by one of ours.
PetscInt num_references(Vec x) {
  PetscInt count = 0;
  check(PetscObjectGetReference(reinterpret_cast<PetscObject>(x), &count));
  return count;
}

TEST(Owner, OwnsNothingAtFirst) {
  EXPECT_EQ(VecOwner().get(), nullptr);
}

TEST(Owner, DestroysWhatItHolds) {
  VecOwner keeper = make_vec();
  check(PetscObjectReference(reinterpret_cast<PetscObject>(keeper.get())));
  {
    VecOwner second;
    *second.put() = keeper.get();
    EXPECT_EQ(num_references(keeper.get()), 2);
  }

  EXPECT_EQ(num_references(keeper.get()), 1);
}

TEST(Owner, HandsOverWhenMoved) {
  VecOwner x = make_vec();
  const Vec object = x.get();

  VecOwner y(std::move(x));
  VecOwner z;
  z = std::move(y);

  EXPECT_EQ(z.get(), object);
  EXPECT_EQ(num_references(object), 1);
}

TEST(Owner, ReleasesTheOldObjectWhenANewOneIsMovedIn) {
  VecOwner keeper = make_vec();
  check(PetscObjectReference(reinterpret_cast<PetscObject>(keeper.get())));
  VecOwner target;
  *target.put() = keeper.get();

  target = make_vec();

  EXPECT_EQ(num_references(keeper.get()), 1);
  EXPECT_NE(target.get(), nullptr);
}

TEST(OwnerDeathTest, EndsWhenASecondObjectIsPutOverTheFirst) {
  VecOwner x = make_vec();

  EXPECT_DEATH(static_cast<void>(x.put()), "object_ == nullptr");
}

}  // namespace
}  // namespace invar::petsc

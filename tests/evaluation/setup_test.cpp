#include "invar/evaluation/setup.hpp"

#include <gmock/gmock.h>

#include "evaluation/fixture.hpp"
#include "invar/parallel/agree.hpp"

namespace {

using namespace invar;
using parallel::CollectiveError;
using ::testing::AllOf;
using ::testing::HasSubstr;

class MakeModel : public ::testing::Test {
 protected:
  static std::unique_ptr<model::Model> make(const model::ProblemSizes& sizes) {
    return std::make_unique<test::FunctionModel>(sizes, test::succeed);
  }

  parallel::Comm world_ = parallel::Comm::duplicate(MPI_COMM_WORLD);
  parallel::Groups groups_{world_, 1};
};

TEST_F(MakeModel, MakesItOnTheGroupsOnly) {
  const auto model = evaluation::make_model(
      groups_, [](MPI_Comm) { return make({.num_parameters = 2, .num_qois = 3}); },
      {.num_parameters = 2, .num_qois = 3});

  EXPECT_EQ(model != nullptr, groups_.is_worker());
}

TEST_F(MakeModel, TellsAllRanksOfSizesThatDiffer) {
  const auto message_for = [&](const model::ProblemSizes& study) -> std::string {
    try {
      evaluation::make_model(
          groups_, [](MPI_Comm) { return make({.num_parameters = 2, .num_qois = 3}); }, study);
    } catch (const CollectiveError& error) {
      EXPECT_EQ(error.kind(), ErrorKind::config);
      return error.what();
    }
    return "";
  };

  EXPECT_THAT(message_for({.num_parameters = 5, .num_qois = 3}),
              AllOf(HasSubstr("model expects 2"), HasSubstr("found 5")));
  EXPECT_THAT(message_for({.num_parameters = 2, .num_qois = 7}),
              AllOf(HasSubstr("model gives 3"), HasSubstr("found 7")));
}

TEST_F(MakeModel, TellsAllRanksOfAModelThatCannotBeMade) {
  const int guilty = groups_.num_groups() - 1;
  const auto factory = [&](MPI_Comm) {
    if (groups_.index() == guilty) {
      throw Error(ErrorKind::no_input, "mesh.msh is missing");
    }
    return make({.num_parameters = 2, .num_qois = 3});
  };

  try {
    evaluation::make_model(groups_, factory, {.num_parameters = 2, .num_qois = 3});
    ADD_FAILURE() << "expected a CollectiveError";
  } catch (const CollectiveError& error) {
    EXPECT_EQ(error.kind(), ErrorKind::no_input);
    EXPECT_STREQ(error.what(), "mesh.msh is missing");
  }
}

}  // namespace

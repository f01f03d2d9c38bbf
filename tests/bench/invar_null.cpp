// The program with a model that does nothing: what is left is Invar's own time.
// See program_overhead.sh.
#include "invar/app/program.hpp"

namespace {

struct NullOptions {};

class NullModel final : public invar::model::Model {
 public:
  explicit NullModel(const invar::model::ProblemSizes& sizes) : sizes_(sizes) {}

  [[nodiscard]] Eigen::Index num_parameters() const override { return sizes_.num_parameters; }
  [[nodiscard]] Eigen::Index num_qois() const override { return sizes_.num_qois; }

  invar::model::ModelResult evaluate(const invar::model::ModelRequest& /*request*/) override {
    invar::model::ModelResult result;
    result.qois = Eigen::VectorXd::Zero(sizes_.num_qois);
    return result;
  }

 private:
  invar::model::ProblemSizes sizes_;
};

}  // namespace

int main(int argc, char** argv) {
  invar::model::ModelRegistry registry;
  registry.add(invar::model::make_model_type<NullOptions>(
      "null", "gives zeros at once", invar::options::Table<NullOptions>({}),
      [](const NullOptions& /*options*/, const invar::model::ProblemSizes& sizes,
         MPI_Comm /*group*/) { return std::make_unique<NullModel>(sizes); }));
  return invar::app::run_program(argc, argv, registry);
}

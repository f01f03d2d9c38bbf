#include "app/model_process.hpp"

#include <optional>

#include <nlohmann/json.hpp>

#include "invar/isolation/isolated_model.hpp"
#include "invar/parallel/session.hpp"
#include "invar/petsc/session.hpp"

namespace invar::app {

isolation::Host model_process(const model::ModelRegistry& registry) {
  return [&registry](const std::string& blueprint, const isolation::Serve& serve) {
    int argc = 0;
    char** argv = nullptr;
    const parallel::Session session(argc, argv);
    const auto& comm = session.world();
    std::optional<petsc::PetscSession> petsc;
    serve([&] {
      const nlohmann::json parts = nlohmann::json::from_msgpack(blueprint);
      petsc.emplace(comm.get(), parts.at("petsc").get<std::vector<std::string>>());
      return study_from_bytes(parts.at("study").get<std::string>(), registry)
          .study.make_model(comm.get());
    });
  };
}

void run_model_in_process(LoadedStudy& loaded, const std::vector<std::string>& petsc,
                          isolation::ForkServer& forks, const std::function<bool()>& is_given_up) {
  isolation::IsolationOptions options;
  options.is_given_up = is_given_up;
  nlohmann::json::to_msgpack({{"petsc", petsc}, {"study", study_bytes(loaded)}}, options.blueprint);
  // Nobody else writes the rank off: its answer comes in time.
  options.timeout_s = std::exchange(loaded.study.evaluation.timeout_s, std::nullopt);
  loaded.study.make_model = [&forks, options](MPI_Comm /*group*/) {
    return isolation::make_isolated_model(forks, options);
  };
}

}  // namespace invar::app

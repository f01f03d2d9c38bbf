// A study's model as a driver of Dakota's fork interface.
#include <filesystem>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "app/campaign_fixture.hpp"
#include "invar/model_process/process_model.hpp"

namespace invar::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const Eigen::MatrixXd matrix = (Eigen::MatrixXd(4, 2) << 1, 0, 1, 1, 1, 2, 1, 0.1).finished();

std::string linear_study(const std::string& extra = "", const std::string& model = "") {
  return R"(invar: 1
parameters:
  names: [intercept, slope]
  prior: {family: diagonal, mean: 0, std: 2}
observations:
  values: [1.02, 1.47, 2.05, 1.1]
  covariance: {std: 0.05}
inference:
  method: run_vi
  sample_size: 8
  sampling_method: rqmc
  optimizer_config: {gradient_method: natural, max_iterations: 3}
  line_search_config: {initial_step_size: 0.5, max_step_size: 1.0}
)" + extra +
         (model.empty() ? "model: {type: linear, matrix: [[1, 0], [1, 1], [1, 2], [1, 0.1]]}\n"
                        : model);
}

std::string parameters(const std::string& values, int active_set = 1, const std::string& id = "7") {
  std::string text = "2 variables\n" + values + "4 functions\n";
  for (int i = 1; i <= 4; ++i) {
    text += fmt::format("{} ASV_{}:f{}\n", active_set, i, i);
  }
  return text +
         "2 derivative_variables\n1 DVV_1:slope\n2 DVV_2:intercept\n"
         "0 analysis_components\n" +
         id + " eval_id\n0 metadata\n";
}

const std::string two_values = "0.1 slope\n3 intercept\n";

class Eval : public ProgramTest {
 protected:
  Eval() {
    write_file(folder_ / "study.yaml", linear_study());
    write_file(folder_ / "params.in", parameters(two_values));
  }

  static std::string driver() { return INVAR_BINARY_DIR "/bin/invar-eval"; }

  /// Runs `invar-eval` in the scratch folder.
  ProgramResult eval(const std::string& arguments = "params.in results.out --study study.yaml",
                     int num_ranks = 1) {
    fs::remove(folder_ / "results.out");
    return run_shell("sh -c 'cd " + folder_.path().string() + " && exec " +
                     on_ranks(num_ranks, driver()) + " " + arguments + "'");
  }

  std::string results() { return read_file(folder_ / "results.out"); }

  /// That the driver leaves so, without results or anything half written.
  void expect_refusal(int exit_code, const std::string& part,
                      const std::string& arguments = "params.in results.out --study study.yaml") {
    const ProgramResult run = eval(arguments);
    EXPECT_EQ(run.exit_code, exit_code) << run.err;
    EXPECT_THAT(run.err, HasSubstr(part));
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      EXPECT_THAT(entry.path().filename().string(), ::testing::Not(StartsWith("results")));
    }
  }
};

TEST_F(Eval, WritesWhatTheModelGives) {
  const ProgramResult run = eval();

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out + run.err, "");
  EXPECT_EQ(results(), fmt::format("  {:.16e} f1\n  {:.16e} f2\n  {:.16e} f3\n  {:.16e} f4\n", 3.0,
                                   3.0 + 0.1, 3.0 + 2 * 0.1, 3.0 + 0.1 * 0.1));
}

TEST_F(Eval, IsASubcommandOfEveryProgramWithModels) {
  write_file(folder_ / "study.yaml", toy_study());
  write_file(folder_ / "params.in",
             "3 variables\n1 a\n1 b\n1 c\n6 functions\n1 ASV_1\n1 ASV_2\n1 ASV_3\n1 ASV_4\n"
             "1 ASV_5\n1 ASV_6\n");

  const ProgramResult run = invar("eval params.in results.out --study study.yaml");

  EXPECT_EQ(run.exit_code, 0) << run.err;
  const std::string text = results();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 6) << text;
}

TEST_F(Eval, GivesGradientsByTheVariablesAskedFor) {
  write_file(folder_ / "params.in", parameters(two_values, 2));

  ASSERT_EQ(eval().exit_code, 0);

  EXPECT_EQ(results(), fmt::format("[ {:.16e} {:.16e} ]\n[ {:.16e} {:.16e} ]\n"
                                   "[ {:.16e} {:.16e} ]\n[ {:.16e} {:.16e} ]\n",
                                   0.0, 1.0, 1.0, 1.0, 2.0, 1.0, 0.1, 1.0));
}

TEST_F(Eval, AnswersTheFileOfTheJob) {
  const fs::path job = fs::path(INVAR_SOURCE_DIR) / "jobs/dakota-driver";
  fs::copy_file(job / "params.in", folder_ / "params.in", fs::copy_options::overwrite_existing);

  const ProgramResult run = eval("params.in results.out --study " + (job / "study.yaml").string());

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(results(), read_file(job / "results.out"));
}

TEST_F(Eval, AnswersJsonInJsonUnlessToldOtherwise) {
  write_file(folder_ / "params.in", R"({"variables": [{"label": "x", "value": 3.0},
    {"label": "y", "value": 0.1}], "responses": [{"label": "f1", "active_set": 1},
    {"label": "f2", "active_set": 0}, {"label": "f3", "active_set": 0},
    {"label": "f4", "active_set": 2}], "derivative_variables": [2], "eval_id": "1"})");

  ASSERT_EQ(eval().exit_code, 0);
  EXPECT_EQ(json::parse(results()).dump(), R"({"functions":{"f1":3.0},"gradients":{"f4":[0.1]}})");

  ASSERT_EQ(eval("params.in results.out --study study.yaml --results-format standard").exit_code,
            0);
  EXPECT_EQ(results(), fmt::format("  {:.16e} f1\n[ {:.16e} ]\n", 3.0, 0.1));
}

TEST_F(Eval, AnswersABatchPartByPart) {
  write_file(folder_ / "params.in", parameters(two_values, 1, "1:1") +
                                        parameters("nan slope\n3 intercept\n", 1, "1:2") +
                                        parameters(two_values, 1, "1:3"));

  ASSERT_EQ(eval().exit_code, 0);

  const std::string text = results();
  const std::string part = text.substr(0, text.find('#'));
  EXPECT_EQ(text, part +
                      "#\nFAIL model_failed: the model was not run: a parameter is not finite\n"
                      "#\n" +
                      part);
}

TEST_F(Eval, RunsTheModelOnAllRanksOfTheJob) {
  ASSERT_EQ(eval().exit_code, 0);
  const std::string alone = results();

  const ProgramResult run = eval("params.in results.out --study study.yaml", 3);

  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(results(), alone);
}

TEST_F(Eval, RunsAloneInAnAllocationButNotInAStepOfMany) {
  const auto exit_code_with = [this](const char* variable) {
    return run_shell(fmt::format("sh -c 'cd {} && exec env {}=8 {} params.in results.out --study "
                                 "study.yaml'",
                                 folder_.path().string(), variable, driver()))
        .exit_code;
  };

  EXPECT_EQ(exit_code_with("SLURM_NTASKS"), 0);
  EXPECT_EQ(exit_code_with("SLURM_STEP_NUM_TASKS"), 78);
}

TEST_F(Eval, SaysInTheResultsThatARunFailed) {
  const auto fail_with = [this](const std::string& model, const std::string& evaluation) {
    write_file(folder_ / "study.yaml", linear_study(evaluation, model));
    const ProgramResult run = invar("eval params.in results.out --study study.yaml");
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return results();
  };
  write_file(folder_ / "model.sh", "echo no mesh >&2; exit 3");
  const std::string program = "model: {type: process, command: [sh, ./model.sh]}\n";
  EXPECT_THAT(fail_with(program, ""),
              StartsWith("FAIL crashed: the program ended with exit code 3; "
                         "it said: no mesh"));
  write_file(folder_ / "model.sh", "echo 1 nan 3 4 > $2");
  EXPECT_THAT(fail_with(program, ""), StartsWith("FAIL non_finite: QoI 1 is nan"));
  write_file(folder_ / "model.sh", "exec sleep 20");
  EXPECT_THAT(fail_with(program, "evaluation: {timeout_s: 0.2}\n"), StartsWith("FAIL timeout: "));
}

TEST_F(Eval, SurvivesAModelThatCrashesOrHangsInAProcessOfItsOwn) {
  write_file(folder_ / "params.in",
             "3 variables\n1 a\n1 b\n1 c\n6 functions\n1 ASV_1\n1 ASV_2\n1 ASV_3\n1 ASV_4\n"
             "1 ASV_5\n1 ASV_6\n");
  const auto answer = [this](const std::string& rest) {
    write_file(folder_ / "study.yaml", toy_study("", rest));
    const ProgramResult run = invar("eval params.in results.out --study study.yaml");
    EXPECT_EQ(run.exit_code, 0) << run.err;
    return results();
  };
  EXPECT_THAT(answer("model: {type: faulty, isolation: process, fault: signal, rate: 1}\n"),
              StartsWith("FAIL crashed: killed by signal 11"));
  EXPECT_THAT(answer("model: {type: faulty, fault: hang, rate: 1}\nevaluation: {timeout_s: 0.3}\n"),
              StartsWith("FAIL timeout: "));
}

TEST_F(Eval, RefusesAFileThatDoesNotFitTheStudy) {
  const auto refuse = [this](const std::string& text, const std::string& part) {
    write_file(folder_ / "params.in", text);
    expect_refusal(65, "params.in: " + part);
  };
  refuse("", "it is empty");
  refuse("999999999 variables\n1 x\n", "line 1: 999999999 variables are announced");
  refuse("1 variables\n1 x\n4 functions\n1 a\n1 b\n1 c\n1 d\n", "expected 2 variables");
  refuse(parameters("1 slope\n2 intercpt\n"), "the variable `intercpt` is no parameter");
  refuse(parameters(two_values, 4), "a Hessian is asked for");
}

TEST_F(Eval, RefusesWrongUsageFilesAndStudies) {
  expect_refusal(64, "--study is required", "params.in results.out");
  expect_refusal(64, "results is required", "params.in --study study.yaml");
  expect_refusal(66, "cannot read `none.in`", "none.in results.out --study study.yaml");
  expect_refusal(66, "cannot read `none.yaml`", "params.in results.out --study none.yaml");
  expect_refusal(74, "cannot write `none/results.out`",
                 "params.in none/results.out --study study.yaml");
  expect_refusal(78, "model.matrix",
                 "params.in results.out --study study.yaml --set model.matrix=1");
  const ProgramResult ranks =
      eval("params.in results.out --study study.yaml --set evaluation.timeout_s=1", 2);
  EXPECT_EQ(ranks.exit_code, 78);
  EXPECT_THAT(ranks.err, HasSubstr("evaluation.timeout_s: cannot be had on 2 ranks"));
}

TEST_F(Eval, BehindTheProcessDoorGivesTheSameBitsAndTheGradients) {
  for (const auto& [parameters, results] :
       {std::pair(model_process::ParametersFormat::standard,
                  model_process::ResultsFormat::standard),
        {model_process::ParametersFormat::aprepro, model_process::ResultsFormat::standard},
        {model_process::ParametersFormat::json, model_process::ResultsFormat::json}}) {
    model_process::ProcessOptions options;
    options.command = {driver(), "--study", (folder_ / "study.yaml").string()};
    options.work_directory = (folder_ / "runs").string();
    options.parameters = parameters;
    options.results = results;
    options.gradients = true;
    const auto model = model_process::make_process_model(
        options, {.num_parameters = 2, .num_qois = 4, .parameter_names = {"intercept", "slope"}},
        MPI_COMM_SELF);
    model::ModelRequest request(Eigen::Vector2d(1.0 / 3.0, -1e-7), 5);
    request.wants_jacobian = true;

    const model::ModelResult result = model->evaluate(request);

    ASSERT_TRUE(model->capabilities().jacobian);
    ASSERT_TRUE(result.is_ok()) << result.message;
    for (int i = 0; i < 4; ++i) {
      EXPECT_EQ(result.qois[i], 1.0 / 3.0 + matrix(i, 1) * -1e-7) << i;
    }
    EXPECT_EQ(result.jacobian, matrix);
  }
}

TEST_F(Eval, BehindTheProcessDoorGivesTheSameCampaign) {
  const std::string small = " --set inference.sample_size=4";
  ASSERT_EQ(invar("run study.yaml --campaign linked" + small).exit_code, 0);
  write_file(folder_ / "outer.yaml",
             linear_study("", fmt::format("model: {{type: process, command: [{}, --study, {}]}}\n",
                                          driver(), (folder_ / "study.yaml").string())));

  const ProgramResult run = invar("run outer.yaml --campaign outer" + small, 3);

  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(difference("linked", "outer"), "");
}

}  // namespace
}  // namespace invar::test

// Campaigns that reuse the runs of earlier ones, through the program: what they save, that they
// need the earlier directories no more, and everything that is refused.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "app/campaign_fixture.hpp"
#include "app/check.hpp"
#include "invar/core/error.hpp"
#include "invar/model_petsc/builtin_models.hpp"
#include "invar/store/create_campaign.hpp"

namespace invar::test {
namespace {

namespace fs = std::filesystem;

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

std::string reuse_study(const std::string& keys = "", const std::string& model = "{type: toy}") {
  return fmt::format(R"(invar: 1
title: toy
parameters:
  names: [a, b, c]
  prior: {{family: diagonal, mean: 1, std: 0.5}}
observations:
  values: [2.5, 2.1, 1.8, 1.5, 1.3, 1.1]
  covariance: {{std: 0.05}}
inference: {{method: regression_vi, random_seed: 3{}}}
model: {}
campaign: {{segment_seconds: 0}}
)",
                     keys, model);
}

const std::string other_noise = " --set observations.covariance.std=0.06";
const std::string wide = " --set parameters.bounds.min=-4 --set parameters.bounds.max=6";

class Reuse : public ProgramTest {
 protected:
  Reuse() { write_file(folder_ / "study.yaml", reuse_study()); }

  ProgramResult run(const std::string& campaign, const std::string& options = "") {
    return invar("run study.yaml --campaign " + campaign + options);
  }
  ProgramResult must_run(const std::string& campaign, const std::string& options = "") {
    ProgramResult result = run(campaign, options);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return result;
  }
  json shown(const std::string& campaign) {
    return json::parse(invar("show " + campaign + " --json").out);
  }
  int evaluations(const std::string& campaign) {
    return shown(campaign).at("evaluations").get<int>();
  }
  void remove(const std::string& campaign) { fs::remove_all(folder_ / campaign); }

  /// The largest difference of means in standard deviations, and of standard deviations in shares.
  double distance(const std::string& a, const std::string& b) {
    const json p = shown(a).at("posterior");
    const json q = shown(b).at("posterior");
    double most = 0.0;
    for (std::size_t j = 0; j < p.at("mean").size(); ++j) {
      const double std = q.at("std")[j].get<double>();
      most = std::max(
          {most, std::abs(p.at("mean")[j].get<double>() - q.at("mean")[j].get<double>()) / std,
           std::abs(p.at("std")[j].get<double>() / std - 1.0)});
    }
    return most;
  }
};

TEST_F(Reuse, NeedsFewRunsUnderOtherNoise) {
  must_run("first");
  must_run("alone", other_noise);
  const ProgramResult result = must_run("second", other_noise + " --set inference.reuse=first");

  const int num_first = evaluations("first");
  EXPECT_THAT(result.err, HasSubstr(fmt::format("{} runs of first are used too", num_first)));
  EXPECT_EQ(shown("second").at("stop_reason"), "accuracy");
  EXPECT_LE(3 * evaluations("second"), evaluations("alone"));
  EXPECT_LE(distance("second", "alone"), 0.15);
  EXPECT_THAT(invar("show second").out,
              HasSubstr(fmt::format("reused        {} runs of first are used too", num_first)));
  EXPECT_EQ(shown("second").at("reused"),
            json::parse(fmt::format(R"([{{"runs": {}, "origin": "first"}}])", num_first)));
  EXPECT_EQ(shown("second").at("posterior").at("diagnostics").at("num_reused_runs"), num_first);
  EXPECT_EQ(invar("export second --to second.nc").exit_code, 0);
}

TEST_F(Reuse, NeedsTheEarlierDirectoryOnlyAtTheStart) {
  must_run("first", " --set inference.max_evaluations=40");
  const std::string options =
      " --set inference.reuse=[first] --set inference.accuracy=0.005"
      " --set inference.max_evaluations=80";
  must_run("whole", options);
  ProgramResult result = invar("run study.yaml --campaign stops --stop-after 1" + options);
  remove("first");
  int num_stops = 0;
  while (result.exit_code == 75 && num_stops < 100) {
    ++num_stops;
    result = invar("resume stops --stop-after 1", num_stops % 2 == 0 ? 1 : 3);
  }

  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_GE(num_stops, 2);
  EXPECT_EQ(difference("whole", "stops"), "");
  fs::remove(folder_ / "whole" / "campaign.h5");
  ASSERT_EQ(invar("pack whole").exit_code, 0);
  EXPECT_EQ(difference("whole", "stops"), "");
}

TEST_F(Reuse, GivesTheSameAnswerOnAnyNumberOfRanksAndAfterKills) {
  write_file(folder_ / "study.yaml", reuse_study("", "{type: toy, sleep_s: 0.005}"));
  must_run("first", " --set inference.max_evaluations=40");
  const std::string options =
      " --set inference.reuse=[first] --set inference.accuracy=0.005"
      " --set inference.max_evaluations=120";
  must_run("whole", options);
  ASSERT_EQ(invar("run study.yaml --campaign ranks" + options, 3).exit_code, 0);
  EXPECT_EQ(difference("whole", "ranks"), "");

  for (const std::string seconds : {"0", "1000"}) {  // a segment per round, or the journal alone
    const std::string name = "killed" + seconds;
    run_shell(fmt::format(
        "sh -c 'cd {}; {} run study.yaml --campaign {}{} --set campaign.segment_seconds={} & "
        "until test -d {}; do sleep 0.01; done; sleep 0.15; kill -9 $!; wait'",
        folder_.path().string(), program(), name, options, seconds, name));
    ASSERT_TRUE(fs::exists(folder_ / name));
    fs::rename(folder_ / "first", folder_ / "elsewhere");
    const ProgramResult result = invar("resume " + name);
    fs::rename(folder_ / "elsewhere", folder_ / "first");
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(difference("whole", name), "");
  }
}

TEST_F(Reuse, TakesRunsOfRunVi) {
  must_run("alone", wide);
  for (const std::string handling : {"transform", "clip"}) {
    write_file(folder_ / "study.yaml",
               toy_study("  bounded_parameter_handling: " + handling + "\n"));
    must_run("old-" + handling, wide);
    write_file(folder_ / "study.yaml", reuse_study());
    must_run("new-" + handling, fmt::format("{} --set inference.reuse=old-{}", wide, handling));
    EXPECT_GT(shown("new-" + handling).at("reused")[0].at("runs").get<int>(), 50);
    EXPECT_LT(evaluations("new-" + handling), evaluations("alone"));
    EXPECT_LE(distance("new-" + handling, "alone"), 0.2);
  }
}

TEST_F(Reuse, TakesRunsUnderOtherBoundsAndTransforms) {
  must_run("free");
  must_run("bounded", wide);
  must_run("free-again", " --set inference.reuse=bounded");
  must_run("arctan", wide + " --set inference.transform_map=arctan --set inference.reuse=free");

  EXPECT_LE(2 * evaluations("free-again"), evaluations("free"));
  EXPECT_LE(distance("free-again", "free"), 0.15);
  EXPECT_LE(2 * evaluations("arctan"), evaluations("bounded"));
  EXPECT_LE(distance("arctan", "bounded"), 0.15);
}

TEST_F(Reuse, BringsAlongWhatACampaignReuses) {
  must_run("first", " --set inference.max_evaluations=60");
  must_run("second", " --set inference.reuse=first");
  must_run("both", other_noise + " --set inference.reuse=[second,first]");
  remove("first");
  const ProgramResult result = must_run("third", other_noise + " --set inference.reuse=second");

  EXPECT_THAT(result.err, HasSubstr("runs of first, by way of second are used too"));
  const auto num_reused = [&](const std::string& campaign) {
    return shown(campaign).at("posterior").at("diagnostics").at("num_reused_runs").get<int>();
  };
  EXPECT_EQ(num_reused("third"), evaluations("second") + num_reused("second"));
  EXPECT_EQ(num_reused("both"), num_reused("third"));  // each once
}

TEST_F(Reuse, GoesWithAChangedStudyAndRescoring) {
  must_run("first", " --set inference.max_evaluations=60");
  write_file(folder_ / "study.yaml", reuse_study(", reuse: [first]"));
  must_run("second");
  const int num_first = evaluations("first");
  const int num_runs = evaluations("second") + num_first;
  remove("first");

  const ProgramResult rescored = invar("rescore second --study study.yaml" + other_noise);
  ASSERT_EQ(rescored.exit_code, 0) << rescored.err;
  EXPECT_THAT(rescored.out, HasSubstr(fmt::format("{0} of {0} recorded ({1} of earlier campaigns)",
                                                  num_runs, num_first)));
  const ProgramResult same = invar("resume second --study study.yaml");
  EXPECT_EQ(same.exit_code, 0) << same.err;
  EXPECT_THAT(same.err, Not(HasSubstr("changed: inference.reuse")));
  const ProgramResult changed = invar("resume second --study study.yaml" + other_noise);
  EXPECT_EQ(changed.exit_code, 0) << changed.err;
  EXPECT_THAT(changed.err, HasSubstr("prior, data or noise have changed"));
  for (const std::string other : {"[]", "[first,third]", "[third]"}) {
    const ProgramResult refused =
        invar("resume second --study study.yaml --set inference.reuse=" + other);
    EXPECT_EQ(refused.exit_code, 78) << other;
    EXPECT_THAT(refused.err, HasSubstr("inference.reuse: "));
  }
}

TEST_F(Reuse, GoesWithAStartFromAnotherCampaign) {
  must_run("first");
  must_run("second",
           other_noise + " --set inference.initial.from=first --set inference.reuse=[first]");
  must_run("alone", other_noise);

  EXPECT_LE(3 * evaluations("second"), evaluations("alone"));
  EXPECT_LE(distance("second", "alone"), 0.15);
}

TEST_F(Reuse, BeginsAnewWithTheStudyThatACampaignKeeps) {
  must_run("first", " --set inference.max_evaluations=40");
  must_run("second", " --set inference.reuse=first");
  remove("first");

  const ProgramResult result = invar("run second/study.yaml --campaign again");

  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(difference("second", "again"), "");
  const ProgramResult renamed =
      invar("run second/study.yaml --campaign renamed --set parameters.names=[a,b,d]");
  EXPECT_EQ(renamed.exit_code, 78);
  EXPECT_THAT(renamed.err,
              HasSubstr("its runs have the parameters a, b, c, this study has a, b, d"));
}

TEST_F(Reuse, IsToldByCheck) {
  must_run("first", " --set inference.max_evaluations=40");
  const ProgramResult result = invar("check study.yaml --set inference.reuse=first");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("reuse        40 runs of first are used too"));
}

TEST_F(Reuse, RefusesADamagedCopy) {
  must_run("first", " --set inference.max_evaluations=40");
  invar(
      "run study.yaml --campaign second --stop-after 1 --set inference.reuse=[first]"
      " --set inference.accuracy=0.001");
  const fs::path copy = folder_ / "second" / "data" / "reused-1.h5";
  const std::string sound = read_file(copy);
  for (const std::size_t at : {std::size_t{3}, std::size_t{100}, sound.size() / 2}) {
    std::string damaged = sound;
    damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
    write_file(copy, damaged);
    const ProgramResult result = invar(at == 100 ? "pack second" : "resume second");
    EXPECT_EQ(result.exit_code, 65) << result.err;
    EXPECT_THAT(result.err, HasSubstr("reused-1.h5"));
    EXPECT_EQ(invar("show second").exit_code, 0);
  }
  fs::remove(copy);
  const ProgramResult result = invar("resume second");
  EXPECT_EQ(result.exit_code, 65) << result.err;
  EXPECT_THAT(result.err, HasSubstr("reused-1.h5 is missing"));
  write_file(copy, sound);
  EXPECT_EQ(invar("resume second --stop-after 1").exit_code % 75, 0);
}

/// What `invar check` says is wrong; "" where all is sound.
std::pair<std::string, int> complaint(const fs::path& study,
                                      const std::vector<std::string>& overrides) {
  model::ModelRegistry registry;
  model_petsc::add_builtin_models(registry);
  try {
    app::check_text(study, overrides, registry);
    return {"", 0};
  } catch (const Error& error) {
    return {error.what(), static_cast<int>(error.kind())};
  }
}

struct Refusal {
  std::vector<std::string> overrides;  // the first of them of inference.reuse
  int exit_code;
  const char* message;
};

TEST_F(Reuse, SaysWhatItCannotReuse) {
  const std::string text = reuse_study("", "{type: linear, matrix: {file: matrix.csv}}");
  write_file(folder_ / "study.yaml", text);
  const std::string matrix = "x,y,z\n1,0,0\n0,1,0\n0,0,1\n1,1,0\n1,0,1\n0,1,1\n";
  write_file(folder_ / "matrix.csv", matrix);
  must_run("first");
  fs::create_directory(folder_ / "empty");
  store::create_campaign(folder_ / "newer", {.study_text = "invar: 2\n", .data_files = {}});
  store::create_campaign(folder_ / "fresh", {.study_text = read_file(folder_ / "first/study.yaml"),
                                             .data_files = {{"data/matrix.csv", matrix}}});
  fs::copy(folder_ / "first", folder_ / "edited", fs::copy_options::recursive);
  write_file(folder_ / "edited" / "study.yaml",
             "# edited\n" + read_file(folder_ / "edited" / "study.yaml"));
  EXPECT_EQ(complaint(folder_ / "study.yaml", {"inference.reuse=[first]"}).first, "");
  for (const Refusal& one : {
           Refusal{{"[first,nowhere]"}, 66, "inference.reuse: nowhere: "},
           {{"empty"}, 66, "inference.reuse: empty: "},
           {{"study.yaml"}, 65, "inference.reuse: study.yaml: "},
           {{"[first,first]"}, 78, "inference.reuse: first: it is named twice"},
           {{"[first,./first/]"}, 78, "inference.reuse: ./first/: it is named twice"},
           {{"first", "campaign.directory=first"},
            78,
            "inference.reuse: first: it is the directory of this campaign itself"},
           {{"newer"}, 78, "expected 1, the format that this program reads"},
           {{"fresh"}, 65, "inference.reuse: fresh: it has no finished round with a good run"},
           {{"edited"}, 65, "has another checksum"},
           {{"first", "model.matrix=[[1,0,0],[0,1,0],[0,0,1],[1,1,0],[1,0,1],[0,1,2]]"},
            78,
            "model.matrix"},
           {{"first", "parameters.names=[a,b,d]"}, 78, "parameters.names: "},
           {{"first", "petsc=-ksp_view"}, 78, "petsc: "},
           {{"first", "inference.method=run_vi"}, 78, "is no key of `method: run_vi`"},
           {{"{a: b}"}, 78, "inference.reuse"},
           {{"[[first]]"}, 78, "inference.reuse"},
       }) {
    std::vector<std::string> overrides = one.overrides;
    overrides[0].insert(0, "inference.reuse=");
    const auto [message, code] = complaint(folder_ / "study.yaml", overrides);
    EXPECT_EQ(code, one.exit_code) << overrides[0] << ": " << message;
    EXPECT_THAT(message, HasSubstr(one.message));
  }
  // The same name, another content.
  write_file(folder_ / "matrix.csv", "x,y,z\n2,0,0\n0,1,0\n0,0,1\n1,1,0\n1,0,1\n0,1,1\n");
  EXPECT_THAT(complaint(folder_ / "study.yaml", {"inference.reuse=first"}).first,
              HasSubstr("its runs are not of this model"));

  write_file(folder_ / "study.yaml", reuse_study());
  must_run("toy", " --set inference.max_evaluations=20");
  const ProgramResult result =
      run("second", " --set inference.reuse=toy --set observations.values=[1,2,3]");
  EXPECT_EQ(result.exit_code, 78) << result.err;
  EXPECT_THAT(result.err,
              HasSubstr("inference.reuse: toy: its runs have 6 QoIs, this study has 3"));
  EXPECT_FALSE(fs::exists(folder_ / "second"));
}

}  // namespace
}  // namespace invar::test

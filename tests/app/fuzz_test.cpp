// Everything that reads bytes from a disk, given mutated sound ones: it answers or throws an Error,
// and does not crash, hang, or throw anything else. Deterministic; the number of inputs scales with
// INVAR_ENDURANCE_SCALE. With INVAR_FUZZ_KEEP=FILE the last input is found there after a crash.
#include <chrono>
#include <cstdlib>
#include <functional>
#include <limits>
#include <random>
#include <utility>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "app/overrides.hpp"
#include "app/show.hpp"
#include "app/sound_study.hpp"
#include "app/study_files.hpp"
#include "app/yaml.hpp"
#include "campaign/status_text.hpp"
#include "invar/campaign/study.hpp"
#include "invar/core/error.hpp"
#include "invar/model_petsc/builtin_models.hpp"
#include "store/crc.hpp"
#include "store/journal.hpp"
#include "store/journal_record.hpp"
#include "store/seal.hpp"
#include "store/sealed_file.hpp"
#include "store/segment.hpp"
#include "support/program.hpp"

namespace invar::test {
namespace {

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t end) {
  return end == 0 ? 0 : random() % end;
}

/// Values that break readers, as the bytes of a number of 1, 4 or 8.
std::string interesting_bytes(Random& random) {
  static const std::vector<std::uint64_t> values = {0,
                                                    1,
                                                    2,
                                                    7,
                                                    0x7f,
                                                    0x80,
                                                    0xff,
                                                    0x7fffffff,
                                                    0x80000000,
                                                    0xffffffff,
                                                    std::uint64_t{1} << 32,
                                                    std::uint64_t{1} << 40,
                                                    std::uint64_t{1} << 61,
                                                    std::numeric_limits<std::int64_t>::max(),
                                                    std::uint64_t{1} << 63,
                                                    std::numeric_limits<std::uint64_t>::max(),
                                                    0x7ff8000000000000,   // NaN
                                                    0x7ff0000000000000};  // infinity
  const std::uint64_t value = values[below(random, values.size())];
  constexpr std::size_t sizes[] = {1, 4, 8};
  return {reinterpret_cast<const char*>(&value), sizes[below(random, 3)]};
}

/// A few changes of a sound input; parts of another one may come in.
std::string mutate(std::string bytes, const std::string& other, Random& random) {
  for (std::size_t change = 0, num_changes = 1 + below(random, 4); change < num_changes; ++change) {
    const std::size_t at = below(random, bytes.size() + 1);
    const std::size_t count = 1 + below(random, below(random, 2) == 0 ? 8 : 200);
    switch (below(random, 7)) {
      case 0:
      case 1:
        if (at < bytes.size()) {
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(random, 8)));
        }
        break;
      case 2: {
        const std::string value = interesting_bytes(random);
        bytes.replace(at, std::min(value.size(), bytes.size() - at), value);
        break;
      }
      case 3:
        bytes.erase(at, count);
        break;
      case 4:
        bytes.insert(at, other.substr(below(random, other.size()), count));
        break;
      case 5:
        bytes.insert(at, bytes.substr(below(random, bytes.size() + 1), count));
        break;
      default:
        if (below(random, 4) == 0) {
          bytes.resize(at);
        }
    }
  }
  return bytes;
}

/// Reads many inputs. @param make  makes one; @param read  gets it
void fuzz(int num_inputs, const std::function<std::string(Random&)>& make,
          const std::function<void(const std::string&)>& read) {
  const char* keep = std::getenv("INVAR_FUZZ_KEEP");
  int num_refused = 0;
  num_inputs = std::max(1, static_cast<int>(num_inputs * endurance_scale()));
  for (int i = 0; i < num_inputs; ++i) {
    Random random(static_cast<std::uint64_t>(i));
    const std::string input = make(random);
    if (keep != nullptr) {
      write_file(keep, input);
    }
    const auto start = std::chrono::steady_clock::now();
    try {
      read(input);
    } catch (const Error&) {
      ++num_refused;
    } catch (const std::exception& error) {
      ADD_FAILURE() << "input " << i << ": not an Error: " << error.what() << "\n" << input;
    }
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    EXPECT_LT(elapsed.count(), 5.0) << "input " << i << " of " << input.size() << " bytes\n";
  }
  EXPECT_GT(num_refused, 0) << "nothing was damaged";
  EXPECT_LT(num_refused, num_inputs) << "nothing got through";
}

method::Evaluation make_evaluation(Eigen::Index sample) {
  method::Evaluation evaluation;
  evaluation.host = "node17";
  evaluation.wall_seconds = 0.5;
  if (sample == 1) {
    evaluation.status = method::Status::timeout;
    evaluation.message = "after 60 s";
  } else {
    evaluation.qois = Eigen::Vector3d(1.0, 2.0, 3.0);
  }
  return evaluation;
}

/// A journal of two told rounds and one that has begun.
std::string sound_journal(const std::filesystem::path& path, int seed) {
  std::vector<store::StoredRound> rounds;
  for (std::int64_t round = 0; round < 3; ++round) {
    rounds.emplace_back(
        method::Batch{.round = round,
                      .first_id = 3 * round,
                      .points = Eigen::MatrixXd::Constant(2, 3, static_cast<double>(seed))});
    for (Eigen::Index sample = 0; sample < (round < 2 ? 3 : 2); ++sample) {
      rounds.back().set(sample, make_evaluation(sample), 1e9);
    }
    if (round < 2) {
      rounds.back().row = store::RoundRow{.scalars = {{"elbo", -1.5}, {"step_size", 0.1}},
                                          .mean = Eigen::Vector2d(1, 2),
                                          .std = Eigen::Vector2d(3, 4),
                                          .proposal_mean = Eigen::Vector2d(5, 6),
                                          .proposal_std = Eigen::Vector2d(7, 8),
                                          .messages = "one\ntwo",
                                          .seconds = 0.5};
    }
  }
  rounds.front().forget(2);
  method::Evaluation ran_ahead = make_evaluation(2);
  ran_ahead.ran_ahead = true;
  rounds.front().set(2, ran_ahead, 1e9);
  store::SpeculativeRuns speculative;
  for (std::int64_t number = 0; number < 2; ++number) {
    speculative.add({.number = number,
                     .round = 2,
                     .question = {.point = Eigen::Vector2d(seed, 2.0), .wanted = {}},
                     .evaluation = ran_ahead,
                     .finished = 1e9});
  }
  store::write_journal(path, rounds, speculative);
  return read_file(path);
}

constexpr std::size_t journal_header_bytes = 64;

/// Gives every record the right checksum, so that what is wrong with it gets past that.
void fix_journal(std::string& bytes) {
  std::size_t at = journal_header_bytes;
  while (at + store::record_head_bytes < bytes.size()) {
    std::uint32_t length = 0;
    std::memcpy(&length, bytes.data() + at, sizeof length);
    const std::size_t begin = at + store::record_head_bytes;
    if (length == 0 || length > bytes.size() - begin) {
      return;
    }
    store::Crc32c crc;
    crc.add(std::string_view(bytes).substr(begin, length));
    const std::uint32_t checksum = crc.value();
    std::memcpy(bytes.data() + at + sizeof length, &checksum, sizeof checksum);
    at = begin + length;
  }
}

/// A mutated journal whose header is mostly sound.
std::string mutated_journal(const std::string& sound, const std::string& other, Random& random) {
  std::string bytes = sound.substr(0, journal_header_bytes) +
                      mutate(sound.substr(journal_header_bytes), other, random);
  if (below(random, 4) != 0) {
    fix_journal(bytes);
  }
  return below(random, 20) == 0 ? mutate(bytes, other, random) : bytes;
}

TEST(Fuzz, JournalsAreReadOrRefused) {
  const ScratchFolder folder;
  const std::string sound = sound_journal(folder / "a", 1);
  const std::string other = sound_journal(folder / "b", 2);

  fuzz(
      200'000, [&](Random& random) { return mutated_journal(sound, other, random); },
      [&](const std::string& bytes) {
        std::vector<store::StoredRound> rounds;
        store::SpeculativeRuns speculative;
        const store::JournalEnd end =
            store::parse_journal("journal", bytes, 0, rounds, speculative);
        EXPECT_EQ(end.file_bytes, bytes.size());
        EXPECT_LE(end.sound_bytes + end.salvaged_bytes, end.file_bytes);
        // What the store does with them.
        const store::Segment segment = store::gather(rounds);
        std::int64_t num_recorded = 0;
        for (const store::StoredRound& round : rounds) {
          num_recorded += round.num_recorded();
          for (Eigen::Index sample = 0; sample < round.num_samples(); ++sample) {
            if (round.has(sample)) {
              method::status_name(round.evaluation(sample).status);
            }
          }
        }
        EXPECT_EQ(std::ssize(segment.evaluations.id), num_recorded);
        EXPECT_EQ(store::gather(speculative.all()).size(), speculative.all().size());
      });
}

std::string sound_status() {
  return campaign::status_text({{"status", "running"},
                                {"stop_reason", "none"},
                                {"message", "a \"message\""},
                                {"rounds", 12},
                                {"seconds", 1.25},
                                {"ranks", 3},
                                {"last_round", {{"elbo", -1.5}, {"step_size", nullptr}}}});
}

/// With the right checksum again, where it is an object at all.
std::string fixed_status(const std::string& text) {
  nlohmann::json values = nlohmann::json::parse(text, nullptr, false);
  if (!values.is_object()) {
    return text;
  }
  values.erase("crc32c");
  return campaign::status_text(std::move(values));
}

TEST(Fuzz, ADamagedStatusIsNeverBelieved) {
  const std::string sound = sound_status();
  int num_believed = 0;

  fuzz(
      100'000,
      [&](Random& random) { return mutate(sound, "{\"status\": [1e999, null, {}]}", random); },
      [&](const std::string& bytes) {
        const campaign::RecordedStatus status = campaign::read_status(bytes);
        if (status.is_damaged) {
          throw Error(ErrorKind::data, "damaged");
        }
        EXPECT_EQ(status.status, "running") << bytes;
        EXPECT_EQ(status.message, "a \"message\"") << bytes;
        EXPECT_EQ(status.seconds, 1.25) << bytes;
        EXPECT_EQ(status.ranks, 3) << bytes;
        ++num_believed;
      });

  EXPECT_GT(num_believed, 0);  // white space may change
}

TEST(Fuzz, ShowTakesAnyStatusAndJournal) {
  const ScratchFolder folder;
  std::filesystem::create_directories(folder / "c/journal");
  write_file(folder / "c/study.yaml", "invar: 1\n");
  const std::string journal = sound_journal(folder / "a", 1);
  const std::string status = sound_status();
  int num_read = 0;

  fuzz(
      10'000,
      [&](Random& random) {
        write_file(folder / "c/journal/segment-000000.log",
                   mutated_journal(journal, journal, random));
        return fixed_status(mutate(status, "{\"status\": [1e999, null, {}]}", random));
      },
      [&](const std::string& bytes) {
        write_file(folder / "c/status.json", bytes);
        EXPECT_FALSE(app::show_text(folder / "c").empty());
        EXPECT_TRUE(nlohmann::json::parse(app::show_json(folder / "c")).is_object());
        if (++num_read % 2 == 0) {
          throw Error(ErrorKind::data, "`show` refuses nothing, half is counted so");
        }
      });
}

TEST(Fuzz, SealedFilesAreReadOrRefused) {
  const ScratchFolder folder;
  const std::string body = "the body of a file";
  store::write_sealed_file(
      folder / "sound", "history",
      {{"first_round", 0}, {"end_round", 7}, {"evaluations", 21}, {"failed", 1}}, body);
  const std::string sound = read_file(folder / "sound");
  constexpr std::size_t own_crc_at = store::Seal::num_bytes - 8;

  fuzz(
      30'000,
      [&](Random& random) {
        std::string block = mutate(sound.substr(0, own_crc_at), "bytes -1\nkind view\n", random);
        block.resize(own_crc_at, '\0');
        store::Crc32c crc;
        crc.add(block);
        char checksum[9];
        std::snprintf(checksum, sizeof checksum, "%08x", crc.value());
        return block + checksum + (below(random, 10) == 0 ? body.substr(1) : body);
      },
      [&](const std::string& bytes) {
        write_file(folder / "x", bytes);
        const store::Seal seal = store::verify_sealed_file(folder / "x", "history");
        for (const char* count : {"first_round", "end_round", "evaluations", "failed"}) {
          EXPECT_GE(seal.count(count), 0);
        }
      });
}

TEST(Fuzz, SealsOfStudiesAreReadOrRefused) {
  const ScratchFolder folder;
  std::filesystem::create_directories(folder / "data");
  write_file(folder / "data/obs.csv", sound_data);
  const store::Manifest manifest{
      .study_text = "invar: 1\n", .data_files = {{"data/obs.csv", sound_data}}, .revision = 1};
  const std::string sound = store::sealed_text(manifest);
  const std::size_t last = sound.rfind('\n', sound.size() - 2) + 1;

  fuzz(
      30'000,
      [&](Random& random) {
        std::string text = mutate(sound.substr(0, last), "# sum \n# sum 0 ../../x\n", random);
        store::Crc32c crc;
        crc.add(text);
        char line[40];
        std::snprintf(line, sizeof line, "# sum %08x study.yaml\n", crc.value());
        return text + line;
      },
      [&](const std::string& text) {
        write_file(folder / "study.yaml", text);
        for (const auto& [name, bytes] : store::read_sealed_manifest(folder.path()).data_files) {
          EXPECT_EQ(bytes, sound_data) << text;
        }
      });
}

/// Mutations that keep to lines and words, so that more gets past the parser of YAML.
std::string mutate_study(std::string text, Random& random) {
  static const std::vector<std::string> words = {"0",
                                                 "-1",
                                                 "1e308",
                                                 "1e-308",
                                                 ".nan",
                                                 ".inf",
                                                 "-.inf",
                                                 "99999999999999999999",
                                                 "4294967296",
                                                 "~",
                                                 "[]",
                                                 "{}",
                                                 "[[]]",
                                                 "[1, 2]",
                                                 "{a: 1}",
                                                 "&a [*a]",
                                                 "*a",
                                                 "''",
                                                 "true",
                                                 "x",
                                                 "!t x",
                                                 "[[1, 2], [3]]",
                                                 "{file: in/obs.csv}",
                                                 "{file: in/obs.csv, columns: [t, y]}",
                                                 "{prefix: p, count: 1000000}",
                                                 "multivariate",
                                                 "[slope, slope]",
                                                 "|\n  x",
                                                 "1000000000"};
  for (std::size_t change = 0, num_changes = 1 + below(random, 3); change < num_changes; ++change) {
    const std::string& word = words[below(random, words.size())];
    switch (below(random, 4)) {
      case 0: {  // a value
        const std::size_t at = text.find(": ", below(random, text.size()));
        if (at != std::string::npos) {
          const std::size_t end = std::min(text.find_first_of(",}]\n", at), text.size());
          text.replace(at + 2, end - at - 2, word);
        }
        break;
      }
      case 1: {  // a number
        const std::size_t at = text.find_first_of("0123456789", below(random, text.size()));
        if (at != std::string::npos) {
          const std::size_t end =
              std::min(text.find_first_not_of("0123456789.e-", at), text.size());
          text.replace(at, end - at, word);
        }
        break;
      }
      case 2: {  // a line goes
        const std::size_t at = text.find('\n', below(random, text.size()));
        if (at != std::string::npos) {
          text.erase(at, text.find('\n', at + 1) - at);
        }
        break;
      }
      default:
        text = mutate(text, word, random);
    }
  }
  return text;
}

TEST(Fuzz, StudiesAreReadOrRefused) {
  model::ModelRegistry registry;
  model_petsc::add_builtin_models(registry);
  const app::FileCopies copies = {
      {"in/obs.csv", {.stored_name = "data/obs.csv", .bytes = sound_data}}};

  fuzz(
      20'000, [&](Random& random) { return mutate_study(sound_study, random); },
      [&](const std::string& text) {
        app::SentFiles files(copies);
        const campaign::Study study =
            campaign::read_study(app::parse_study(text, "study.yaml", {}), files, registry);
        // What is taken is written to the campaign, and taken again.
        app::SentFiles stored(
            {{"data/obs.csv", {.stored_name = "data/obs.csv", .bytes = sound_data}},
             {"in/obs.csv", {.stored_name = "data/obs.csv", .bytes = sound_data}}});
        const std::string resolved = app::yaml_text(study.resolved);
        const campaign::Study again =
            campaign::read_study(app::parse_study(resolved, "resolved.yaml", {}), stored, registry);
        EXPECT_EQ(again.space.names, study.space.names) << text;
      });
}

TEST(Fuzz, DataFilesAreReadOrRefused) {
  model::ModelRegistry registry;
  model_petsc::add_builtin_models(registry);

  fuzz(
      20'000, [&](Random& random) { return mutate(sound_data, "1e999,nan,\"\"\r\n", random); },
      [&](const std::string& bytes) {
        app::SentFiles files({{"in/obs.csv", {.stored_name = "data/obs.csv", .bytes = bytes}}});
        campaign::read_study(app::parse_study(sound_study, "study.yaml", {}), files, registry);
      });
}

}  // namespace
}  // namespace invar::test

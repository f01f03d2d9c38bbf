#include "store/view_file.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <numeric>
#include <utility>
#include <variant>

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>
#include <hdf5_hl.h>

#include "invar/core/error.hpp"
#include "store/files.hpp"
#include "store/history.hpp"
#include "store/restart_file.hpp"
#include "store/sealed_file.hpp"

namespace invar::store {
namespace {

hsize_t count(Eigen::Index n) {
  return static_cast<hsize_t>(n);
}

std::vector<std::int64_t> counted(std::int64_t n) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(n));
  std::iota(values.begin(), values.end(), 0);
  return values;
}

void write_units(const h5::Handle& dataset, const std::string& units) {
  h5::write_attribute(dataset.get(), "units", units);
}

/// Status codes in the words of the CF conventions, which netCDF readers know.
void write_status_meanings(const h5::Handle& dataset) {
  std::vector<std::uint8_t> values;
  std::string meanings;
  for (std::uint8_t value = 0; value <= static_cast<std::uint8_t>(method::Status::cancelled);
       ++value) {
    values.push_back(value);
    meanings += value == 0 ? "" : " ";
    meanings += method::status_name(static_cast<method::Status>(value));
  }
  h5::write_attribute(dataset.get(), "flag_values", values);
  h5::write_attribute(dataset.get(), "flag_meanings", meanings);
}

/// Room for a text, in numbers of eight bytes.
std::int64_t num_numbers(const std::string& text) {
  return 8 + std::ssize(text) / 8;
}

/// Room for a state; scalars and what HDF5 adds to each value are in what is spare.
std::int64_t num_numbers(const method::State& state) {
  std::int64_t numbers = 0;
  for (const auto& entry : state.values()) {
    if (const auto* matrix = std::get_if<Eigen::MatrixXd>(&entry.second)) {
      numbers += matrix->size();
    } else if (const auto* vector = std::get_if<Eigen::VectorXd>(&entry.second)) {
      numbers += vector->size();
    } else if (const auto* text = std::get_if<std::string>(&entry.second)) {
      numbers += num_numbers(*text);
    }
  }
  return numbers;
}

/// What campaign.h5 will have at most, but for messages longer than usual.
std::int64_t estimated_bytes(const View& view, ViewFile::Size size) {
  const std::int64_t d = view.space.dimension();
  const std::int64_t m = view.observations.values.size();
  std::int64_t numbers = (size.num_evaluations + size.num_speculative) * (d + m + 40) +
                         size.num_rounds * (2 * d + 128) + 3 * d * d +
                         (view.observations.noise.is_independent() ? m : m * m) +
                         num_numbers(size.derivatives, d, m) + (1 << 17);
  if (const auto& posterior = view.posterior) {
    numbers += posterior->samples.size() + posterior->qois.size() + posterior->weights.size() +
               2 * posterior->draws.cols() + posterior->draws.size() +
               num_numbers(posterior->optimizer) + num_numbers(posterior->diagnostics);
    for (const std::string& finding : posterior->findings) {
      numbers += num_numbers(finding);
    }
  }
  return 8 * numbers;
}

bool is_uniform(const std::vector<std::string>& units) {
  return std::all_of(units.begin(), units.end(),
                     [&](const std::string& unit) { return unit == units.front(); });
}

}  // namespace

ViewFile::ViewFile(std::filesystem::path path, const View& view, Size size)
    : path_(std::move(path)),
      view_(view),
      size_(size),
      temporary_(temporary_name(path_)),
      file_(h5::create_on_disk(temporary_.path, Seal::num_bytes)) {
  const std::vector<std::string>& units = view_.space.units;
  const bool has_one_unit = !units.empty() && is_uniform(units);
  parameter_units_ = has_one_unit ? units.front() : fmt::format("{}", fmt::join(units, "; "));
  covariance_units_ = !has_one_unit           ? "products of the units of the two parameters"
                      : units.front().empty() ? ""
                                              : fmt::format("({})^2", units.front());
  // libhdf5 cannot close a file that it could not write, and crashes when the program ends; so a
  // full disk has to be met before.
  reserve(temporary_.path, estimated_bytes(view_, size_));
  h5::write_attribute(file_.get(), "format_version", format_version);
  for (const auto& [name, value] : view_.attributes) {
    std::visit([&, &key = name](const auto& v) { h5::write_attribute(file_.get(), key, v); },
               value);
  }
  write_axes();
  write_problem();
  create_evaluations();
  create_rounds();
  if (size_.num_speculative > 0) {
    create_runs("speculative");
  }
  write_posterior();
}

ViewFile::TemporaryFile::~TemporaryFile() {
  ::unlink(path.c_str());
}

void ViewFile::write_axes() {
  const auto add = [this](const std::string& path, h5::Handle dataset) {
    const std::string name = path.substr(path.find('/') + 1);
    h5::check(H5DSset_scale(dataset.get(), name.c_str()), "name a dimension");
    axes_.insert_or_assign(path, std::move(dataset));
  };
  add("parameter", h5::write(file_.get(), "parameter", view_.space.names));
  add("parameter_column", h5::write(file_.get(), "parameter_column", view_.space.names));
  const std::vector<std::int64_t> qois = counted(view_.observations.values.size());
  add("qoi", h5::write(file_.get(), "qoi", qois));
  if (!view_.observations.noise.is_independent()) {
    add("qoi_column", h5::write(file_.get(), "qoi_column", qois));
  }
  add("evaluations/id", h5::create_dataset(file_.get(), "evaluations/id", H5T_NATIVE_INT64,
                                           {count(size_.num_evaluations)}));
  if (size_.num_speculative > 0) {
    add("speculative/id", h5::create_dataset(file_.get(), "speculative/id", H5T_NATIVE_INT64,
                                             {count(size_.num_speculative)}));
  }
  add("rounds/round",
      h5::create_dataset(file_.get(), "rounds/round", H5T_NATIVE_INT64, {count(size_.num_rounds)}));
  if (view_.posterior) {
    add("posterior/sample",
        h5::write(file_.get(), "posterior/sample", counted(view_.posterior->samples.cols())));
    if (view_.posterior->draws.size() > 0) {
      add("posterior/draw",
          h5::write(file_.get(), "posterior/draw", counted(view_.posterior->draws.cols())));
    }
    if (!view_.posterior->findings.empty()) {
      add("posterior/finding", h5::write(file_.get(), "posterior/finding",
                                         counted(std::ssize(view_.posterior->findings))));
    }
  }
}

h5::Handle ViewFile::create(const std::string& name, hid_t type,
                            const std::vector<std::string>& axes, const std::string& units) {
  h5::Shape shape;
  for (const std::string& axis : axes) {
    shape.push_back(h5::shape_of(axes_.at(axis))[0]);
  }
  h5::Handle dataset = h5::create_dataset(file_.get(), name, type, shape);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    h5::check(H5DSattach_scale(dataset.get(), axes_.at(axes[i]).get(), static_cast<unsigned>(i)),
              "name the dimensions of " + name);
  }
  write_units(dataset, units);
  return dataset;
}

void ViewFile::write_problem() {
  const auto vector = [this](const std::string& name, const std::string& axis,
                             const std::string& units, const Eigen::VectorXd& values) {
    h5::write_rows(create(name, H5T_NATIVE_DOUBLE, {axis}, units), H5T_NATIVE_DOUBLE, 0,
                   count(values.size()), values.data());
  };
  const auto matrix = [this](const std::string& name, const std::string& axis,
                             const std::string& units, const Eigen::MatrixXd& symmetric) {
    h5::write_rows(create(name, H5T_NATIVE_DOUBLE, {axis, axis + "_column"}, units),
                   H5T_NATIVE_DOUBLE, 0, count(symmetric.rows()), symmetric.data());
  };
  const auto text = [this](const std::string& name, const std::vector<std::string>& values) {
    h5::write_rows(create(name, h5::string_type().get(), {"parameter"}), 0, values);
  };

  const space::Space& space = view_.space;
  text("parameters/names", space.names);
  text("parameters/units", space.units);
  vector("parameters/prior/mean", "parameter", parameter_units_, space.prior.mean());
  vector("parameters/prior/std", "parameter", parameter_units_, space.prior.std());
  const bool is_diagonal = space.prior.family() == space::GaussianFamily::diagonal;
  if (!is_diagonal) {
    matrix("parameters/prior/covariance", "parameter", covariance_units_, space.prior.covariance());
  }
  h5::write_object_attribute(file_.get(), "parameters/prior", "family",
                             is_diagonal ? "diagonal" : "multivariate");
  vector("parameters/bounds/min", "parameter", parameter_units_, space.bounds.min());
  vector("parameters/bounds/max", "parameter", parameter_units_, space.bounds.max());

  const space::Observations& observations = view_.observations;
  const std::string squared = view_.qoi_unit.empty() ? "" : fmt::format("({})^2", view_.qoi_unit);
  vector("observations/values", "qoi", view_.qoi_unit, observations.values);
  if (observations.noise.is_independent()) {  // its diagonal: m x m may not fit anywhere
    vector("observations/covariance", "qoi", squared, observations.noise.variances());
  } else {
    matrix("observations/covariance", "qoi", squared, observations.noise.covariance());
  }
}

void ViewFile::add_column(const std::string& name, hid_t type, const std::vector<std::string>& axes,
                          const std::string& units) {
  columns_.insert_or_assign(name, create(name, type, axes, units));
}

void ViewFile::create_runs(const std::string& table) {
  const std::string id = table + "/id";
  const std::string since_1970 = "seconds since 1970-01-01 00:00:00";
  add_column(table + "/round", H5T_NATIVE_INT64, {id}, "");
  add_column(table + "/parameters", H5T_NATIVE_DOUBLE, {id, "parameter"}, parameter_units_);
  add_column(table + "/qois", H5T_NATIVE_DOUBLE, {id, "qoi"}, view_.qoi_unit);
  add_column(table + "/status", H5T_NATIVE_UINT8, {id}, "");
  write_status_meanings(column(table + "/status"));
  add_column(table + "/message", h5::string_type().get(), {id}, "");
  add_column(table + "/wall_seconds", H5T_NATIVE_DOUBLE, {id}, "s");
  add_column(table + "/started", H5T_NATIVE_DOUBLE, {id}, since_1970);
  add_column(table + "/finished", H5T_NATIVE_DOUBLE, {id}, since_1970);
  add_column(table + "/group", H5T_NATIVE_INT32, {id}, "");
  add_column(table + "/host", h5::string_type().get(), {id}, "");
}

void ViewFile::create_evaluations() {
  create_runs("evaluations");
  add_column("evaluations/sample", H5T_NATIVE_INT64, {"evaluations/id"}, "");
  add_column("evaluations/log_likelihood", H5T_NATIVE_DOUBLE, {"evaluations/id"}, "nat");
  add_column("evaluations/log_prior", H5T_NATIVE_DOUBLE, {"evaluations/id"}, "nat");
  add_column("evaluations/attempts", H5T_NATIVE_INT32, {"evaluations/id"}, "");
  add_column("evaluations/ran_ahead", H5T_NATIVE_UINT8, {"evaluations/id"}, "");
}

void ViewFile::create_rounds() {
  add_column("rounds/first_id", H5T_NATIVE_INT64, {"rounds/round"}, "");
  add_column("rounds/num_samples", H5T_NATIVE_INT64, {"rounds/round"}, "");
  add_column("rounds/mean", H5T_NATIVE_DOUBLE, {"rounds/round", "parameter"}, parameter_units_);
  add_column("rounds/std", H5T_NATIVE_DOUBLE, {"rounds/round", "parameter"}, parameter_units_);
  // In the coordinates of the method, so without units.
  for (const char* name : {"rounds/proposal_mean", "rounds/proposal_std"}) {
    add_column(name, H5T_NATIVE_DOUBLE, {"rounds/round", "parameter"}, "");
  }
  add_column("rounds/messages", h5::string_type().get(), {"rounds/round"}, "");
  add_column("rounds/seconds", H5T_NATIVE_DOUBLE, {"rounds/round"}, "s");
}

void ViewFile::write_posterior() {
  if (!view_.posterior) {
    return;
  }
  const method::Posterior& posterior = *view_.posterior;
  const auto rows = [&](const std::string& name, const std::vector<std::string>& axes,
                        const std::string& units, const Eigen::MatrixXd& columns_as_rows) {
    h5::write_rows(create("posterior/" + name, H5T_NATIVE_DOUBLE, axes, units), H5T_NATIVE_DOUBLE,
                   0, count(columns_as_rows.cols()), columns_as_rows.data());
  };
  rows("mean", {"parameter"}, parameter_units_, posterior.mean.transpose());
  rows("std", {"parameter"}, parameter_units_, posterior.std.transpose());
  if (posterior.covariance.size() > 0) {
    rows("covariance", {"parameter", "parameter_column"}, covariance_units_, posterior.covariance);
  }
  rows("samples", {"posterior/sample", "parameter"}, parameter_units_, posterior.samples);
  rows("qois", {"posterior/sample", "qoi"}, view_.qoi_unit, posterior.qois);
  h5::write_object_attribute(file_.get(), "posterior", "elbo", posterior.elbo);
  h5::write_object_attribute(file_.get(), "posterior", "normalised_elbo",
                             posterior.normalised_elbo);
  h5::write_object_attribute(file_.get(), "posterior", "elbo_standard_error",
                             posterior.elbo_standard_error);
  write_state(file_.get(), "posterior/optimizer", posterior.optimizer);
  if (posterior.weights.size() > 0) {
    rows("weights", {"posterior/sample"}, "", posterior.weights.transpose());
  }
  if (posterior.draws.size() > 0) {
    rows("draws", {"posterior/draw", "parameter"}, parameter_units_, posterior.draws);
  }
  if (!posterior.diagnostics.values().empty()) {
    write_state(file_.get(), "posterior/diagnostics", posterior.diagnostics);
  }
  if (!posterior.findings.empty()) {
    h5::write_rows(create("posterior/findings", h5::string_type().get(), {"posterior/finding"}), 0,
                   posterior.findings);
  }
}

template <class T>
void ViewFile::append_column(const std::string& name, std::int64_t first,
                             const std::vector<T>& values) {
  const auto axis = axes_.find(name);
  const h5::Handle& dataset = axis != axes_.end() ? axis->second : column(name);
  if constexpr (std::is_same_v<T, std::string>) {
    h5::write_rows(dataset, count(first), values);
  } else {
    h5::write_rows(dataset, h5::native_type<T>(), count(first), values.size(), values.data());
  }
}

void ViewFile::append_samples(const std::string& name, std::int64_t first,
                              const Eigen::MatrixXd& samples) {
  const h5::Shape shape = h5::shape_of(column(name));
  if (shape[1] != count(samples.rows())) {
    throw Error(ErrorKind::data,
                fmt::format("the {} of round {} have {} entries, where the study has {}", name,
                            num_rounds_, samples.rows(), shape[1]));
  }
  h5::write_rows(column(name), H5T_NATIVE_DOUBLE, count(first), count(samples.cols()),
                 samples.data());
}

void ViewFile::append(const Segment& segment) {
  append_evaluations(segment.evaluations);
  append_rounds(segment.rounds);
  if (segment.speculative.size() > 0) {
    append_runs("speculative", num_speculative_, segment.speculative);
    num_speculative_ += std::ssize(segment.speculative.id);
  }
  write_derivatives(file_.get(), segment.derivatives, derivatives_, size_.derivatives);
  derivatives_ += counts_of(segment.derivatives);
}

Eigen::MatrixXd ViewFile::append_runs(const std::string& table, std::int64_t first,
                                      const RunColumns& columns) {
  append_column(table + "/id", first, columns.id);
  append_column(table + "/round", first, columns.round);
  append_samples(table + "/parameters", first, columns.parameters);
  Eigen::MatrixXd qois = columns.qois;
  if (qois.rows() == 0) {  // no run of this segment gave any
    qois.setConstant(view_.observations.values.size(), columns.parameters.cols(),
                     std::numeric_limits<double>::quiet_NaN());
  }
  append_samples(table + "/qois", first, qois);
  append_column(table + "/status", first, columns.status);
  append_column(table + "/message", first, columns.message);
  append_column(table + "/wall_seconds", first, columns.wall_seconds);
  append_column(table + "/started", first, columns.started);
  append_column(table + "/finished", first, columns.finished);
  append_column(table + "/group", first, columns.group);
  append_column(table + "/host", first, columns.host);
  return qois;
}

void ViewFile::append_evaluations(const EvaluationColumns& columns) {
  if (columns.size() == 0) {
    return;
  }
  const std::int64_t first = num_evaluations_;
  num_evaluations_ += std::ssize(columns.id);
  const Eigen::MatrixXd qois = append_runs("evaluations", first, columns);
  append_column("evaluations/sample", first, columns.sample);
  append_column("evaluations/attempts", first, columns.attempts);
  append_column("evaluations/ran_ahead", first, columns.ran_ahead);

  const Scores scores = view_.scorer(columns.parameters, qois);
  INVAR_EXPECTS(scores.log_likelihood.size() == qois.cols() &&
                scores.log_prior.size() == qois.cols());
  std::vector<double> log_likelihood(scores.log_likelihood.begin(), scores.log_likelihood.end());
  for (std::size_t i = 0; i < log_likelihood.size(); ++i) {
    if (columns.status[i] != static_cast<std::uint8_t>(method::Status::ok)) {
      log_likelihood[i] = std::numeric_limits<double>::quiet_NaN();
    }
  }
  append_column("evaluations/log_likelihood", first, log_likelihood);
  append_column("evaluations/log_prior", first,
                std::vector<double>(scores.log_prior.begin(), scores.log_prior.end()));
}

void ViewFile::append_rounds(const RoundColumns& columns) {
  if (columns.size() == 0) {
    return;
  }
  const std::int64_t first = num_rounds_;
  append_column("rounds/round", first, columns.round);
  append_column("rounds/first_id", first, columns.first_id);
  append_column("rounds/num_samples", first, columns.num_samples);
  if (columns.mean.rows() > 0) {
    append_samples("rounds/mean", first, columns.mean);
    append_samples("rounds/std", first, columns.std);
  }
  if (columns.proposal_mean.rows() > 0) {
    append_samples("rounds/proposal_mean", first, columns.proposal_mean);
    append_samples("rounds/proposal_std", first, columns.proposal_std);
  }
  append_column("rounds/messages", first, columns.messages);
  append_column("rounds/seconds", first, columns.seconds);
  for (const auto& [name, values] : columns.scalars) {
    const std::string path = "rounds/" + name;
    if (!columns_.contains(path)) {
      add_column(path, H5T_NATIVE_DOUBLE, {"rounds/round"}, "");
    }
    append_column(path, first, values);
  }
  num_rounds_ += std::ssize(columns.round);
}

void ViewFile::finish() {
  columns_.clear();
  axes_.clear();
  hsize_t num_bytes = 0;
  h5::check(H5Fflush(file_.get(), H5F_SCOPE_GLOBAL), "write " + path_.string());
  h5::check(H5Fget_filesize(file_.get(), &num_bytes), "size " + path_.string());
  file_.close("close " + path_.string());
  const File file(temporary_.path, O_RDWR);
  file.truncate(num_bytes);  // the rest of what was reserved
  seal_in_place(file, "view", {{"rounds", num_rounds_}, {"evaluations", num_evaluations_}});
  file.sync();
  publish(path_);
}

}  // namespace invar::store

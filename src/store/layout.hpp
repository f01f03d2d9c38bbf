#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace invar::store {

/// Whether a directory is a campaign: it has a study and a journal.
bool is_campaign(const std::filesystem::path& directory);

/// @throws Error(no_input)  when the directory is not a campaign
void require_campaign(const std::filesystem::path& directory);

/// The folders of a campaign, where they are missing.
void make_folders(const std::filesystem::path& campaign);

/// Writes the data files that are not there yet or differ.
/// @pre every name begins with "data/" and stays inside it
void write_data_files(const std::filesystem::path& campaign,
                      const std::map<std::string, std::string>& files);

/// Removes what a kill left under temporary names; only names that the store itself uses.
void remove_temporary_files(const std::filesystem::path& campaign);

}  // namespace invar::store

# What `cmake --install` brings: the program, the libraries with their headers, and what
# find_package(Invar) reads.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(INVAR_INSTALL_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Invar)
install(EXPORT InvarTargets NAMESPACE invar:: DESTINATION ${INVAR_INSTALL_CMAKE_DIR})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/InvarConfig.cmake.in InvarConfig.cmake
  INSTALL_DESTINATION ${INVAR_INSTALL_CMAKE_DIR})
write_basic_package_version_file(InvarConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/InvarConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/InvarConfigVersion.cmake
        DESTINATION ${INVAR_INSTALL_CMAKE_DIR})

# invar_add_test(<module>.<unit>
#   SOURCES x_test.cpp…  LIBS invar::x…
#   [RANKS 1 3]          run under mpiexec once per count; without it: one process, no mpiexec
#   [TIMEOUT seconds]    per test, default 60
#   [LABELS l…]          besides the module's name
#   [ARGS a…])           handed to the program
#
# One executable `<module>_<unit>_test` (GoogleTest, our main), one ctest entry per rank count:
# `vi.elbo_estimator`, `parallel.pool.np3`. Several ranks sit under the label `mpi`.
function(invar_add_test name)
  cmake_parse_arguments(arg "" "TIMEOUT" "SOURCES;LIBS;RANKS;LABELS;ARGS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 60)
  endif()
  string(REGEX REPLACE "\\..*" "" module ${name})
  string(REPLACE "." "_" target ${name}_test)
  add_executable(${target} ${arg_SOURCES})
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${target} PRIVATE
    INVAR_TEST_DATA_DIR="${PROJECT_SOURCE_DIR}/tests/data"
    INVAR_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    INVAR_BINARY_DIR="${PROJECT_BINARY_DIR}")
  target_link_libraries(${target} PRIVATE invar_flags invar_test_main ${arg_LIBS})
  target_precompile_headers(${target} REUSE_FROM invar_test_main)
  if(arg_RANKS)
    foreach(ranks IN LISTS arg_RANKS)
      separate_arguments(flags UNIX_COMMAND "${INVAR_MPIEXEC_FLAGS}")
      add_test(NAME ${name}.np${ranks}
        COMMAND ${MPIEXEC_EXECUTABLE} ${MPIEXEC_NUMPROC_FLAG} ${ranks} ${flags}
                $<TARGET_FILE:${target}> ${arg_ARGS})
      set_tests_properties(${name}.np${ranks} PROPERTIES PROCESSORS ${ranks})
      invar_label_test(${name}.np${ranks} ${arg_TIMEOUT} ${module} mpi np${ranks} ${arg_LABELS})
    endforeach()
  else()
    add_test(NAME ${name} COMMAND ${target} ${arg_ARGS})
    invar_label_test(${name} ${arg_TIMEOUT} ${module} serial ${arg_LABELS})
  endif()
endfunction()

# Properties common to every test, also to those that are not GoogleTest programs.
function(invar_label_test test timeout)
  set_tests_properties(${test} PROPERTIES
    TIMEOUT ${timeout} LABELS "${ARGN}" SKIP_RETURN_CODE 77
    ENVIRONMENT "OMP_NUM_THREADS=1;OPENBLAS_NUM_THREADS=1;OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;OMPI_MCA_rmaps_base_oversubscribe=1;ASAN_OPTIONS=detect_leaks=0")
endfunction()

# Flags that every target of ours shares; identical everywhere so that precompiled headers can be
# shared too.
add_library(invar_flags INTERFACE)
target_compile_features(invar_flags INTERFACE cxx_std_20)
target_compile_options(invar_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wnon-virtual-dtor
  -Woverloaded-virtual -Wnull-dereference)
# mpi.h without the deprecated C++ bindings, which would have to be linked.
target_compile_definitions(invar_flags INTERFACE OMPI_SKIP_MPICXX MPICH_SKIP_MPICXX)
if(INVAR_LIBSTDCXX_ASSERTIONS)
  target_compile_definitions(invar_flags INTERFACE _GLIBCXX_ASSERTIONS)
endif()
if(INVAR_SANITIZE)
  target_compile_options(invar_flags INTERFACE -fsanitize=address,undefined
    -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  target_link_options(invar_flags INTERFACE -fsanitize=address,undefined)
endif()

# Eigen and the standard headers around it, compiled once for all modules that ask for PCH.
set(INVAR_PCH_HEADERS <Eigen/Dense> <functional> <map> <memory> <optional> <string> <variant>
    <vector>)

# invar_add_module(NAME
#   [HEADERS include/invar/NAME/x.hpp…]  public headers, relative to include/
#   [SOURCES x.cpp…]                     relative to the calling folder
#   [PUBLIC lib…] [PRIVATE lib…]         what it links
#   [PCH])                               use the shared precompiled Eigen header
#
# One static library per folder: target invar_NAME, alias invar::NAME.
function(invar_add_module name)
  cmake_parse_arguments(arg "PCH" "" "HEADERS;SOURCES;PUBLIC;PRIVATE" ${ARGN})
  set(target invar_${name})
  add_library(${target} STATIC ${arg_SOURCES})
  add_library(invar::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON
                                             EXPORT_NAME ${name})
  list(TRANSFORM arg_HEADERS PREPEND ${PROJECT_SOURCE_DIR}/include/)
  target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include
                                  FILES ${arg_HEADERS})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PUBLIC ${arg_PUBLIC} PRIVATE ${arg_PRIVATE}
                                  $<BUILD_INTERFACE:invar_flags>)
  install(TARGETS ${target} EXPORT InvarTargets FILE_SET HEADERS)
  if(arg_PCH)
    target_precompile_headers(${target} PRIVATE ${INVAR_PCH_HEADERS})
  endif()
endfunction()

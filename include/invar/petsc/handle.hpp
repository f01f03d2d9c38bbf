#pragma once

#include <utility>

#include <petscksp.h>
#include <petscts.h>

#include "invar/core/error.hpp"

namespace invar::petsc {

/// The only owner of a PETSc object: moves, does not copy, destroys what it holds.
///
///     petsc::VecOwner x;
///     check(VecCreateMPI(comm, 4, PETSC_DETERMINE, x.put()));
///     check(VecSet(x.get(), 1.0));
///
/// MPI: Local; destroying one on a single rank does not block.
/// Lifetime: what outlives the PETSc session is left to the end of the process.
template <class T, PetscErrorCode (*Destroy)(T*)>
class Owner {
 public:
  Owner() = default;
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;
  Owner(Owner&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Owner& operator=(Owner&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Owner() {
    if (object_ != nullptr && PetscFinalizeCalled == PETSC_FALSE) {
      static_cast<void>(Destroy(&object_));  // a destructor has nobody to tell
    }
  }

  [[nodiscard]] T get() const noexcept { return object_; }

  /// Where a function of PETSc puts the object it makes.
  /// @pre nothing is owned
  [[nodiscard]] T* put() {
    INVAR_EXPECTS(object_ == nullptr);
    return &object_;
  }

 private:
  T object_ = nullptr;
};

using VecOwner = Owner<Vec, VecDestroy>;
using MatOwner = Owner<Mat, MatDestroy>;
using KspOwner = Owner<KSP, KSPDestroy>;
using TsOwner = Owner<TS, TSDestroy>;
using IndexSetOwner = Owner<IS, ISDestroy>;
using ScatterOwner = Owner<VecScatter, VecScatterDestroy>;

}  // namespace invar::petsc

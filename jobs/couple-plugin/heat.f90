! Heat in a rod of two materials, as a plugin of Invar: what heat.c does, in Fortran, without
! derivatives.
!
! Module `rod` is the simulation as it was before it met Invar; `invar_plugin` holds the types of
! invar/plugin.h, to be copied as they are; `heat_plugin` couples the two.

module rod
  implicit none
  integer, parameter :: dp = kind(1.0d0)
  integer, parameter :: num_parameters = 3, num_sensors = 5
contains

  !> Temperatures at the sensors for p = (log_k_left, log_k_right, source).
  subroutine temperatures(p, cells, sensors)
    real(dp), intent(in) :: p(num_parameters)
    integer, intent(in) :: cells
    real(dp), intent(out) :: sensors(num_sensors)
    real(dp) :: k(2), g(0:cells), diagonal(cells), u(cells), factor
    integer :: i
    k = exp(p(1:2))
    do i = 0, cells  ! conductances of the faces, over the width of a cell
      g(i) = 2 / (1 / k(merge(1, 2, i <= cells / 2)) + 1 / k(merge(1, 2, i < cells / 2))) * cells
    end do
    g(0) = 2 * g(0)
    g(cells) = 2 * g(cells)
    u = p(3) / cells
    do i = 1, cells
      diagonal(i) = g(i - 1) + g(i)
      if (i > 1) then
        factor = g(i - 1) / diagonal(i - 1)
        diagonal(i) = diagonal(i) - factor * g(i - 1)
        u(i) = u(i) + factor * u(i - 1)
      end if
    end do
    u(cells) = u(cells) / diagonal(cells)
    do i = cells - 1, 1, -1
      u(i) = (u(i) + g(i) * u(i + 1)) / diagonal(i)
    end do
    sensors = [(u((2 * i - 1) * cells / (2 * num_sensors) + 1), i = 1, num_sensors)]
  end subroutine temperatures
end module rod

module invar_plugin
  use, intrinsic :: iso_c_binding
  implicit none
  integer(c_int32_t), parameter :: abi_version = 1, plugin_ok = 0, plugin_failed = 1
  integer(c_int32_t), parameter :: has_jacobian = 1, has_jacobian_vector = 2, &
                                   has_vector_jacobian = 4

  type, bind(C) :: plugin_info
    integer(c_int32_t) :: abi_version, info_size, request_size, result_size, capabilities
  end type plugin_info

  type, bind(C) :: plugin_request
    integer(c_int64_t) :: evaluation_id, num_parameters, num_qois
    type(c_ptr) :: parameters
    integer(c_int64_t) :: wants_jacobian, num_directions
    type(c_ptr) :: directions
    integer(c_int64_t) :: num_weights
    type(c_ptr) :: weights
    integer(c_int64_t) :: reserved
  end type plugin_request

  type, bind(C) :: plugin_result
    type(c_ptr) :: qois, jacobian, jacobian_vectors, vector_jacobians
  end type plugin_result
end module invar_plugin

module heat_plugin
  use, intrinsic :: iso_c_binding
  use invar_plugin
  use rod
  implicit none
  private
  integer, parameter :: cells = 40
  character(kind=c_char, len=200), target, save :: message = c_null_char
contains

  integer(c_int32_t) function info(about) bind(C, name="invar_plugin_info")
    type(plugin_info), intent(out) :: about
    type(plugin_request) :: request
    type(plugin_result) :: result
    about%abi_version = abi_version
    about%info_size = int(c_sizeof(about), c_int32_t)
    about%request_size = int(c_sizeof(request), c_int32_t)
    about%result_size = int(c_sizeof(result), c_int32_t)
    about%capabilities = 0
    info = plugin_ok
  end function info

  !> `communicator` is one of the mpi module; every rank of a group computes the same here.
  integer(c_int32_t) function create(communicator, options, model) &
      bind(C, name="invar_plugin_create")
    integer(c_int32_t), value :: communicator
    type(c_ptr), value :: options
    type(c_ptr), intent(out) :: model
    model = c_null_ptr  ! nothing to remember from call to call
    create = plugin_ok
    if (.false.) print *, communicator, c_associated(options)  ! not used
  end function create

  integer(c_int32_t) function sizes(model, parameters, qois) bind(C, name="invar_plugin_sizes")
    type(c_ptr), value :: model
    integer(c_int64_t), intent(out) :: parameters, qois
    parameters = num_parameters
    qois = num_sensors
    sizes = plugin_ok
    if (.false.) print *, c_associated(model)  ! not used
  end function sizes

  integer(c_int32_t) function evaluate(model, request, result) &
      bind(C, name="invar_plugin_evaluate")
    type(c_ptr), value :: model
    type(plugin_request), intent(in) :: request
    type(plugin_result), intent(in) :: result
    real(c_double), pointer :: p(:), qois(:)
    call c_f_pointer(request%parameters, p, [request%num_parameters])
    call c_f_pointer(result%qois, qois, [request%num_qois])
    if (.not. all(abs(p(1:2)) < 300)) then
      message = "the conductivities are out of range" // c_null_char
      evaluate = plugin_failed
      return
    end if
    call temperatures(p, cells, qois)
    evaluate = plugin_ok
    if (.false.) print *, c_associated(model)  ! not used
  end function evaluate

  type(c_ptr) function last_error(model) bind(C, name="invar_plugin_last_error")
    type(c_ptr), value :: model
    last_error = c_loc(message)
    if (.false.) print *, c_associated(model)  ! not used
  end function last_error
end module heat_plugin

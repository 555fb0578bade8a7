// Adam's update of an element: returns the new weight, m, v. Twin: src/kernels/adam.rs.
const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

fn adam_element(weight: f32, grad: f32, m: f32, v: f32, decay: f32, decoupled: bool) -> vec3<f32> {
    let g = select(grad + decay * weight, grad, decoupled);
    let m_new = BETA1 * m + (1.0 - BETA1) * g;
    let v_new = BETA2 * v + (1.0 - BETA2) * g * g;
    let shrunk = select(weight, weight * (1.0 - step.lr * decay), decoupled);
    return vec3(shrunk - step.lr * step.bias_correction1 * m_new / (sqrt(v_new) * step.bias_correction2 + EPSILON), m_new, v_new);
}

